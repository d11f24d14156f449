/** What a call gives besides its value: numbers that the host reads here after it. */
const RESULTS = memory.data(16 * sizeof<f64>(), 16);

export function results(): usize {
  return RESULTS;
}

export function give(index: usize, value: f64): void {
  store<f64>(RESULTS + (index << 3), value);
}
