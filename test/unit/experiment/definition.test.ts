import { createHash } from 'node:crypto'
import { resolveDefinition } from '../../../lib/experiment'
import { canonicalJson, identifier } from '../../../lib/experiment/identity'
import { applyOverrides } from '../../../lib/experiment/overrides'
import { derivedSeed } from '../../../lib/experiment/seeds'
import { gridPoints } from '../../../lib/experiment/space'
import { parseYaml } from '../../../lib/experiment/yaml'

const text = `name: spam
data: { file: spam.csv, target: label, holdout: 0.25 }
model: mean-field
options:
  algorithm: [langevin, dual-averaging]
  entropy: [1e-3, 1e-4]
  innerSteps: [5, 10]
  particles: 64
seeds: 0..9
`

function resolve(changed = text, overrides: string[] = []) {
  const { value, locate } = parseYaml(changed, 'spam.yaml')
  const { changed: definition, overridden } = applyOverrides(value, overrides)
  return resolveDefinition(definition, (path) => overridden(path) ?? locate(path))
}

test('a grid has the points of each algorithm with the options that it has', () => {
  const { space, seeds, sampler } = resolve()
  const points = gridPoints(space)
  expect(sampler).toBe('grid')
  expect(seeds).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(points).toHaveLength(2 + 4)
  expect(points.filter(({ algorithm }) => algorithm === 'langevin')).toEqual([
    { algorithm: 'langevin', entropy: 1e-3, particles: 64 },
    { algorithm: 'langevin', entropy: 1e-4, particles: 64 },
  ])
  expect(points.at(-1)).toEqual({ algorithm: 'dual-averaging', entropy: 1e-4, innerSteps: 10, particles: 64 })
})

test('conditions chain, in any order of the options', () => {
  const { space } = resolveDefinition({
    name: 'x',
    options: {
      depth: { values: [1, 2], when: { kind: 'tree', leaf: true } },
      leaf: { values: [true, false], when: { kind: ['tree', 'forest'] } },
      kind: ['tree', 'forest', 'line'],
    },
  })
  expect(gridPoints(space)).toEqual([
    { kind: 'tree', leaf: true, depth: 1 },
    { kind: 'tree', leaf: true, depth: 2 },
    { kind: 'tree', leaf: false },
    { kind: 'forest', leaf: true },
    { kind: 'forest', leaf: false },
    { kind: 'line' },
  ])
})

test('overrides', () => {
  const words = ['particles=512,1024', 'seed=0..2', 'run.parallel=2', 'entropy=1e-5', 'innerSteps=3..4', 'name=other']
  const { space, seeds, definition } = resolve(text, words)
  expect(space.get('particles')).toEqual({ kind: 'choice', values: [512, 1024] })
  expect(space.get('entropy')).toMatchObject({ values: [1e-5] })
  expect(space.get('innerSteps')).toMatchObject({ values: [3, 4], when: { algorithm: ['dual-averaging'] } })
  expect(seeds).toEqual([0, 1, 2])
  expect(definition).toMatchObject({ name: 'other', run: { parallel: 2 } })
  expect(resolve(text, ['seed=7']).seeds).toEqual([7])
  for (const bad of ['particles', '=3', '__proto__.x=1', 'name.x=1'])
    expect(() => resolve(text, [bad])).toThrow(/override/)
  expect(() => resolve(text, ['options.constructor.prototype.x=1'])).toThrow(/options\.constructor is not known/)
  expect(({} as Record<string, unknown>).x).toBeUndefined()
})

test.each<[string, string, RegExp]>([
  ['particles: 64', 'partcles: 64', /spam\.yaml, line 8: options\.partcles is not known; did you mean particles\?/],
  [
    'particles: 64',
    'particles: [64, 0]',
    /line 8: options\.particles\.1 is 0; expected an integer of at least 1|from 1/,
  ],
  ['particles: 64', 'particles: [64, 64]', /line 8: options\.particles\.1 is 64, which is in the list before/],
  [
    'particles: 64',
    'particles: { min: 10, max: 5 }',
    /line 8: options\.particles\.max is 5; expected a number above 10/,
  ],
  [
    'particles: 64',
    'particles: { min: 10, max: 50 }',
    /line 8: options\.particles is a range, but a grid takes values/,
  ],
  [
    'algorithm: [langevin, dual-averaging]',
    'algorithm: [langevn]',
    /line 5: options\.algorithm\.0 is 'langevn'; did you mean langevin\?/,
  ],
  [
    'algorithm: [langevin, dual-averaging]',
    'algorithm: langevin',
    /line 7: options\.innerSteps is an option of .*dual-averaging.*none of which is compared/,
  ],
  ['particles: 64', '{ particles: 64 }: 3', /line 8, column 3: .*keys must be/i],
  ['model: mean-field', 'modle: mean-field', /line 3: modle is not known; did you mean model\?/],
  ['model: mean-field', 'model: mean-feild', /line 3: model is 'mean-feild'; did you mean mean-field\?/],
  ['holdout: 0.25', 'holdout: 0', /line 2: data\.holdout is 0; expected a number above 0/],
  ['holdout: 0.25', 'holdot: 0.25', /line 2: data\.holdot is not known; did you mean holdout\?/],
  [', target: label', '', /line 2: data\.target is missing; expected a text/],
  ['seeds: 0..9', 'seeds: 9..0', /line 9: seeds is '9\.\.0'; expected how many, a range/],
  ['seeds: 0..9', 'seeds: [1, 1]', /seeds has an integer twice/],
  ['seeds: 0..9', 'search: { sampler: tpe, trials: 9 }', /objective is missing/],
  ['seeds: 0..9', 'search: { sampler: random }', /line 9: search\.trials is missing; expected an integer/],
  [
    'seeds: 0..9',
    'objective: accuracy',
    /line 9: objective is 'accuracy', of which it is not known whether more is better/,
  ],
  ['seeds: 0..9', 'run: { memory: 100 }', /line 9: run\.memory works on child processes/],
  [
    'seeds: 0..9',
    'prune: { method: asha, from: 5 }\nobjective: gap',
    /line 9: prune goes by steps, but options\.steps is missing/,
  ],
  ['seeds: 0..9', 'save: { models: yes }', /line 9: save\.models is 'yes'; expected true or false/],
  ['seeds: 0..9', 'seeds: 0..9\nname: twice', /line 10, column 1: Map keys must be unique/],
  ['seeds: 0..9', 'seeds: [0', /line \d+, column \d+:/],
])('%s → %s is refused with its line', (from, to, message) => {
  expect(() => resolve(text.replace(from, to))).toThrow(message)
  expect(() => resolve(text.replace(from, to))).toThrow(expect.objectContaining({ code: 'MEANFIELD_INVALID_OPTION' }))
})

test('conditions that go round, or never hold, are refused', () => {
  const options = (a: object, b: object) => () =>
    resolveDefinition({ name: 'x', options: { a: { values: [1], when: a }, b: { values: [1], when: b } } })
  expect(options({ b: 1 }, { a: 1 })).toThrow(/in a circle/)
  expect(options({ b: 2 }, {})).toThrow(/options\.a has a condition on b that never holds/)
  expect(options({ c: 2 }, {})).toThrow(/options\.a\.when\.c is not known/)
})

test('identity: the order of members is no matter, everything else is', () => {
  const trial = { model: 'm', options: { a: 1, b: 'x' }, data: { hash: 'h' }, version: '1', seed: 0 }
  const identify = ({ seed, ...common }: typeof trial) => identifier(common)(seed)
  const id = identify(trial)
  expect(id).toMatch(/^[0-9a-f]{32}$/)
  expect(identify({ ...trial, options: { b: 'x', a: 1 } })).toBe(id)
  const others = [
    { seed: 1 },
    { version: '2' },
    { model: 'n' },
    { data: { hash: 'g' } },
    { options: { a: 1, b: 'y' } },
    { options: { a: '1', b: 'x' } },
  ]
  const ids = others.map((change) => identify({ ...trial, ...change } as typeof trial))
  expect(id).toBe(createHash('sha256').update(canonicalJson(trial)).digest('hex').slice(0, 32))
  expect(new Set([id, ...ids]).size).toBe(7)
  expect(canonicalJson({ b: [1, { d: null, c: undefined }], a: 'ä' })).toBe('{"a":"ä","b":[1,{"d":null}]}')
})

test('derived seeds are functions of seed and place, and differ', () => {
  const seeds = Array.from({ length: 1000 }, (_, i) => derivedSeed(3, i))
  expect(new Set(seeds).size).toBe(1000)
  expect(seeds.every(Number.isSafeInteger)).toBe(true)
  expect(derivedSeed(3, 999)).toBe(seeds[999])
  expect(derivedSeed(4, 0)).not.toBe(seeds[0])
})
