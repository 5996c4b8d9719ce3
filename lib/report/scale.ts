/** Axes: from a domain to pixels, with ticks at round numbers. */

export interface Scale {
  (value: number): number
  ticks: number[]
  domain: [number, number]
}

/** `count` is the number of ticks to aim for. The domain grows to round numbers unless `exact`. */
export function linearScale(domain: [number, number], range: [number, number], count: number, exact = false): Scale {
  let [low, high] = domain
  if (low === high) [low, high] = low === 0 ? [0, 1] : [low - Math.abs(low) / 2, high + Math.abs(high) / 2]
  const step = roundStep((high - low) / Math.max(1, count))
  const first = exact ? Math.ceil(low / step - 1e-9) : Math.floor(low / step + 1e-9)
  const last = exact ? Math.floor(high / step + 1e-9) : Math.ceil(high / step - 1e-9)
  // Enough for the step itself: 0.25 has one more than its power of ten.
  const power = -Math.floor(Math.log10(step) + 1e-9)
  const decimals = Math.max(0, Number.isInteger(Number((step * 10 ** power).toFixed(6))) ? power : power + 1)
  const ticks: number[] = []
  for (let i = first; i <= last; ++i) ticks.push(Number((i * step).toFixed(Math.min(decimals, 20))))
  if (!exact) [low, high] = [first * step, last * step]
  return finish((value) => (value - low) / (high - low), [low, high], range, ticks)
}

/** Decades, and 2 and 5 between them where fewer than two decades are shown. Domain above 0. */
export function logScale(domain: [number, number], range: [number, number], count: number): Scale {
  let [low, high] = domain.map(Math.log10) as [number, number]
  if (high - low < 1) [low, high] = [nearTick(low, Math.floor), nearTick(high, Math.ceil)]
  if (high - low < 1e-9) [low, high] = [low - 1, high + 1]
  const steps = high - low < 2 ? [1, 2, 5] : [1]
  const every = Math.max(1, Math.ceil((high - low) / Math.max(1, count)))
  const ticks: number[] = []
  for (let decade = Math.floor(low); decade <= Math.ceil(high); decade += every)
    for (const step of steps) {
      const tick = Number(`${step}e${decade}`)
      if (Math.log10(tick) >= low - 1e-9 && Math.log10(tick) <= high + 1e-9) ticks.push(tick)
    }
  return finish((value) => (Math.log10(value) - low) / (high - low), [10 ** low, 10 ** high], range, ticks)
}

function finish(
  unit: (value: number) => number,
  domain: [number, number],
  range: [number, number],
  ticks: number[],
): Scale {
  const scale = (value: number) => range[0] + unit(value) * (range[1] - range[0])
  return Object.assign(scale, { ticks, domain })
}

/** The logarithm of 1, 2 or 5 times a power of ten next to the given one, below (`floor`) or above (`ceil`). */
function nearTick(logarithm: number, round: (value: number) => number): number {
  const decade = Math.floor(logarithm)
  const logs = [1, 2, 5, 10].map((step) => Math.log10(step) + decade)
  const near = (log: number) => round(log * 1e9) / 1e9
  const fits = logs.filter((log) =>
    round === Math.floor ? near(log) <= near(logarithm) : near(log) >= near(logarithm),
  )
  return round === Math.floor ? Math.max(...fits) : Math.min(...fits)
}

function roundStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw))
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= raw * (1 - 1e-9)) ?? 10
  return factor * power
}
