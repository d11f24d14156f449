export { encodeBoolean, encodeDouble, encodeInteger, encodeText, prepareEncoder } from './column-encoder';
export { results } from './results';
export { matchLines, matchRecord } from './shape';
export { clearText, heldBytes, newTextColumn, takeText } from './text-column';

export function alloc(size: usize): usize {
  return heap.alloc(size);
}

export function free(at: usize): void {
  heap.free(at);
}
