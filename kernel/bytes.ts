/** Whether `length` bytes at `a` and at `b` are the same; looks at up to 15 more at both. */
export function same(a: usize, b: usize, length: u32): bool {
  while (length > 16) {
    if (i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b))) !== 0xffff) return false;
    a += 16;
    b += 16;
    length -= 16;
  }
  const all = (1 << length) - 1;
  return (i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b))) & all) === all;
}

/** Copies `length` bytes; looks at, and overwrites, up to 15 more. */
export function copy(to: usize, from: usize, length: u32): void {
  const end = to + length;
  do {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  } while (to < end);
}
