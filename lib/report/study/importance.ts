/** How much of the differences between trials each option explains. */
import type { TrialRecord } from '../../store'

export interface Importance {
  name: string
  /** From 0 to 1. */
  share: number
}

/** Most classes that the values of a number are sorted into. */
const bins = 8

/**
 * The correlation ratio η² of each option: the variance between the means of its values, of the variance of all (Fisher,
 * "Statistical methods for research workers", 1925), less what values assigned by chance would explain (ω², Hays 1963) and
 * at least 0. Numbers with many values are sorted into classes of equal counts.
 */
export function importance(trials: readonly TrialRecord[], names: readonly string[], metric: string): Importance[] {
  const usable = trials.filter(({ state, metrics }) => state === 'complete' && Number.isFinite(metrics[metric] ?? NaN))
  const shares = names.map((name) => {
    const having = usable.filter(({ options }) => name in options)
    const values = having.map(({ metrics }) => metrics[metric] as number)
    return { name, share: share(values, classes(having.map(({ options }) => options[name] as number | string))) }
  })
  return shares.filter(({ share }) => Number.isFinite(share)).sort((a, b) => b.share - a.share)
}

function share(values: number[], classOf: readonly string[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const total = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const groups = new Map<string, number[]>()
  values.forEach((value, i) => {
    const group = groups.get(classOf[i] as string)
    if (group) group.push(value)
    else groups.set(classOf[i] as string, [value])
  })
  let between = 0
  for (const group of groups.values())
    between += group.length * (group.reduce((sum, value) => sum + value, 0) / group.length - mean) ** 2
  const rest = values.length - groups.size
  if (groups.size < 2 || rest < 1) return Number.NaN
  if (total === 0) return 0
  const within = (total - between) / rest
  return Math.max(0, (between - (groups.size - 1) * within) / (total + within))
}

function classes(values: readonly (number | string)[]): string[] {
  const different = new Set(values)
  if (different.size <= bins || values.some((value) => typeof value !== 'number')) return values.map(String)
  const sorted = [...(values as number[])].sort((a, b) => a - b)
  const edges = Array.from(
    { length: bins - 1 },
    (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / bins)] as number,
  )
  return values.map((value) => String(edges.filter((edge) => (value as number) >= edge).length))
}
