import { Dataset, MeanFieldNetwork } from '../../../lib'
import { particleFigures, renderParticlePage } from '../../../lib/report'

const [parameters, columns] = [4, 3]
/** Particles in the plane of the axes 1 and 3, and one number more that is no weight. */
const flat = Float32Array.of(3, 0, 0, 9, -3, 0, 0, 9, 0, 0, 1, 9, 0, 0, -1, 9)
const round = Float32Array.of(1, 0, 0, 9, 0, 2, 0, 9, 0, 0, 2, 9, 0, 0, 0, 9)
const snapshots = [
  { step: 0, particles: round },
  { step: 10, particles: flat },
]

test('the cloud lies along its principal directions, and the alignment is the part of the squares in their plane', () => {
  const [before, after, alignment] = particleFigures(snapshots, { parameters, columns })
  // Signs of principal directions are free.
  const xs = Array.from(after?.series[0]?.x ?? []).map((x) => Math.abs(x))
  const ys = Array.from(after?.series[0]?.y ?? []).map((y) => Math.abs(y))
  const near = [
    [3, 3, 0, 0],
    [0, 0, 1, 1],
  ] as const
  for (const [i, values] of [xs, ys].entries())
    for (const [j, value] of values.entries()) expect(value).toBeCloseTo(near[i]?.[j] as number, 5)
  expect(before?.xDomain).toEqual(after?.yDomain)
  // 1 + 4 + 4, of which 1 + 4 in the plane; then everything.
  expect(alignment?.series[0]?.y[0]).toBeCloseTo(5 / 9, 5)
  expect(alignment?.series[0]?.y[1]).toBeCloseTo(1, 6)
})

test("a teacher's directions are made orthonormal, the first kept; what is no plane is refused", () => {
  const directions = [
    [0, 5, 0],
    [1, 1, 0],
  ]
  const [cloud, , alignment] = particleFigures(snapshots, { parameters, columns, directions })
  expect(Array.from(cloud?.series[0]?.x ?? [])).toEqual([0, 2, 0, 0])
  expect(Array.from(cloud?.series[0]?.y ?? [])).toEqual([1, 0, 0, 0])
  expect(Array.from(alignment?.series[0]?.y ?? [])).toEqual([5 / 9, 0.9])
  for (const bad of [
    [[1, 0, 0]],
    [
      [1, 0, 0],
      [2, 0, 0],
    ],
    [
      [1, 0],
      [0, 1],
    ],
  ])
    expect(() => particleFigures(snapshots, { parameters, columns, directions: bad })).toThrow(/direction/)
  expect(() => particleFigures([], { parameters, columns })).toThrow(/no snapshots/)
})

test('a fit has its view, at most six clouds, on a page without scripts', async () => {
  const xs = Array.from({ length: 30 }, (_, i) => [Math.sin(i), Math.cos(2 * i)])
  const train = Dataset.fromArrays(
    xs,
    xs.map(([a = 0]) => a),
  )
  const net = new MeanFieldNetwork({ particles: 20 })
  const { snapshots: seen } = await net.fit(train, {
    steps: 20,
    certificate: false,
    snapshots: [0, 1, 2, 4, 8, 16, 32],
  })
  expect(seen.map(({ step }) => step)).toEqual([0, 1, 2, 4, 8, 16])
  const figures = particleFigures([...seen, { step: 20, particles: net.particles }], {
    parameters: net.particles.length / 20,
    columns: 2,
  })
  expect(figures.map(({ id }) => id)).toEqual(
    [0, 1, 2, 8, 16, 20].map((step) => `particles-${step}`).concat('alignment'),
  )
  const html = renderParticlePage('a & <b>', [], figures)
  expect(html).toContain('a &amp; &lt;b&gt;')
  expect(html).not.toContain('<script')
})
