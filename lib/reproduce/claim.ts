/** A published statement turned into one number and a bound. */
export interface Claim {
  claim: string
  measured: number
  /** The bound in words, for example `at least 0.9`. */
  expected: string
  holds: boolean
}

/** Holds when `measured >= bound`; what is not a number never holds. */
export function atLeast(claim: string, measured: number, bound: number): Claim {
  return { claim, measured, expected: `at least ${bound}`, holds: measured >= bound }
}

/** Holds when `measured <= bound`; what is not a number never holds. */
export function atMost(claim: string, measured: number, bound: number): Claim {
  return { claim, measured, expected: `at most ${bound}`, holds: measured <= bound }
}
