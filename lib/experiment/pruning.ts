/**
 * Which trials to stop early. Trials are compared at rungs, fixed numbers of steps, by one value: with `median`, one that
 * is worse than the median of the others there is stopped (Golovin et al., "Google Vizier", KDD 2017, 3.2.2); with `asha`,
 * one that is not among the best 1/factor of those that came so far (Li et al., "A system for massively parallel
 * hyperparameter tuning", MLSys 2020, in the variant that stops instead of pausing).
 */
import type { Objective, PruneDefinition } from './definition'

export class Pruner {
  readonly #definition: PruneDefinition
  readonly #sign: number
  /** Losses at each rung by trial. */
  readonly #rungs = new Map<number, Map<string, number>>()

  constructor(definition: PruneDefinition, { direction }: Objective) {
    this.#definition = definition
    this.#sign = direction === 'minimize' ? 1 : -1
  }

  /** Rungs of a trial of this many steps. */
  rungs(steps: number): number[] {
    const { from, factor = 3 } = this.#definition
    const rungs: number[] = []
    for (let rung = from; Math.round(rung) < steps; rung *= factor) rungs.push(Math.round(rung))
    return [...new Set(rungs)]
  }

  /** Takes note of a value that was reported before. */
  note(trial: string, rung: number, value: number): void {
    const losses = this.#rungs.get(rung) ?? new Map<string, number>()
    losses.set(trial, this.#sign * value)
    this.#rungs.set(rung, losses)
  }

  /** Takes note of a value and tells whether the trial should go on. */
  goesOn(trial: string, rung: number, value: number): boolean {
    this.note(trial, rung, value)
    if (!Number.isFinite(value)) return false
    const { method, factor = 3, atLeast = 4 } = this.#definition
    const losses = this.#rungs.get(rung) as Map<string, number>
    const loss = this.#sign * value
    const others = [...losses].filter(([id]) => id !== trial).map(([, other]) => other)
    if (others.length < atLeast) return true
    const better = others.filter((other) => other < loss).length
    if (method === 'asha') return better < Math.max(1, Math.floor(losses.size / factor))
    const sorted = others.filter((other) => !Number.isNaN(other)).sort((a, b) => a - b)
    const middle = (sorted.length - 1) / 2
    return loss <= ((sorted[Math.floor(middle)] ?? loss) + (sorted[Math.ceil(middle)] ?? loss)) / 2
  }
}
