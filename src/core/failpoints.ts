/**
 * Named places at the edges of every durable step. In production `noFailpoints` makes them free; the fault suites arm
 * one by name and the process kills itself there, which is how "any process may die at any moment" is tested.
 */
export interface Failpoints {
  hit(name: string): void;
}

export const noFailpoints: Failpoints = { hit: () => {} };

/** `name` or `name:n` fires `action` at the n-th hit (default the first). */
export function armedFailpoint(spec: string, action: (name: string) => void): Failpoints {
  const [name, nth] = spec.split(':');
  let left = nth === undefined ? 1 : Number(nth);
  return {
    hit: (hitName) => {
      if (hitName === name && --left === 0) action(hitName);
    },
  };
}
