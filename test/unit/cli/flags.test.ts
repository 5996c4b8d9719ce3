import { Command } from 'commander'
import {
  addCatalogueFlags,
  expectation,
  kebabCase,
  parseField,
  parseInteger,
  parseNumber,
} from '../../../lib/cli/flags'
import type { Catalogue, OptionField } from '../../../lib/native/entries'

const field = (change: Partial<OptionField>): OptionField => ({
  name: 'innerSteps',
  symbol: 'K',
  type: 'integer',
  auto: false,
  default: 10,
  doc: 'Inner steps.',
  ...change,
})

const catalogue: Catalogue = {
  measures: [],
  measureRun: [],
  models: [
    {
      name: 'net',
      title: 'A network',
      options: [
        field({ name: 'particles', type: 'integer', default: 1000, min: 1, max: 1e9 }),
        field({ name: 'secondLayer', type: 'choice', default: 'fixed', choices: ['fixed', 'bounded'] }),
        field({ name: 'bias', type: 'boolean', default: true, doc: 'Give every neuron a bias.' }),
        field({ name: 'ridge', type: 'number', auto: true, default: 'auto', min: 0 }),
      ],
      defaultAlgorithm: 'plain',
      algorithms: [
        {
          name: 'plain',
          title: 'Plain',
          source: '',
          options: [field({ name: 'step', type: 'number', auto: true, default: 'auto', min: 0, minOpen: true })],
        },
        {
          name: 'nested',
          title: 'Nested',
          source: '',
          options: [
            field({ name: 'step', type: 'number', auto: true, default: 'auto', min: 0, minOpen: true }),
            field({ min: 1 }),
          ],
        },
      ],
    },
  ],
  run: [
    field({ name: 'steps', auto: true, default: 'auto', min: 0 }),
    field({ name: 'verbose', type: 'boolean', default: false }),
  ],
  traceColumns: [],
}

function parse(...flags: string[]) {
  const command = new Command('net').exitOverride().configureOutput({ outputError: () => undefined })
  const model = catalogue.models[0]
  if (!model) throw new Error('no model')
  const collected = addCatalogueFlags(command, model, catalogue)
  command.parse(flags, { from: 'user' })
  return collected.collect(command)
}

test('names become kebab case', () => {
  expect(['innerSteps', 'step', 'certificateDraws'].map(kebabCase)).toEqual([
    'inner-steps',
    'step',
    'certificate-draws',
  ])
})

test('only what was given is passed on, in its group and with its type', () => {
  expect(parse()).toEqual({ model: {}, algorithm: { name: 'plain', options: {} }, run: {} })
  expect(
    parse(
      '--particles',
      '64',
      '--second-layer',
      'bounded',
      '--no-bias',
      '--algorithm',
      'nested',
      '--inner-steps',
      '3',
      '--steps',
      'auto',
      '--verbose',
    ),
  ).toEqual({
    model: { particles: 64, secondLayer: 'bounded', bias: false },
    algorithm: { name: 'nested', options: { innerSteps: 3 } },
    run: { steps: 'auto', verbose: true },
  })
})

test('numbers are decimal numbers and nothing else', () => {
  for (const [text, value] of [
    ['1e-2', 0.01],
    ['-.5', -0.5],
    ['+3.', 3],
    ['1E6', 1e6],
  ] as const)
    expect(parseNumber(text, '--x')).toBe(value)
  for (const text of ['', ' 1', '1 ', '0x10', '1e', '1,5', 'NaN', 'Infinity', '1e999', '1_000', 'auto'])
    expect(() => parseNumber(text, '--x')).toThrow(
      expect.objectContaining({
        code: 'MEANFIELD_INVALID_OPTION',
        message: expect.stringContaining(`--x is '${text}'`),
      }),
    )
  expect(parseInteger('12', '--n', 1)).toBe(12)
  for (const text of ['0', '-1', '1.5', '1e3', '99999999999999999999'])
    expect(() => parseInteger(text, '--n', 1)).toThrow(/at least 1/)
})

test.each<[OptionField, string, RegExp]>([
  [field({ min: 1 }), '0', /--inner-steps is 0; expected an integer of at least 1/],
  [field({ min: 1 }), '2.5', /expected an integer/],
  [field({ min: 1, max: 1024 }), '1025', /from 1 to 1024/],
  [field({ name: 'step', type: 'number', auto: true, min: 0, minOpen: true }), '0', /'auto' or a number above 0/],
  [
    field({ name: 'loss', type: 'choice', choices: ['squared', 'softmax'] }),
    'hinge',
    /--loss is 'hinge'; expected one of squared, softmax/,
  ],
  [field({ name: 'innerSteps' }), 'auto', /expected a number/],
])('a bad value is refused in words, case %#', (option, text, message) => {
  expect(() => parseField(option, text)).toThrow(message)
})

test('ranges in words', () => {
  expect(expectation(field({ type: 'number' }))).toBe('a number')
  expect(expectation(field({ type: 'number', min: 0, minOpen: true, max: 4 }))).toBe(
    'a number above 0 and of at most 4',
  )
  expect(expectation(field({ max: 4 }))).toBe('an integer of at most 4')
})

test('an option of another algorithm is refused by name', () => {
  expect(() => parse('--inner-steps', '3')).toThrow(
    /--inner-steps is an option of nested, not of plain.*--algorithm nested/,
  )
})

test('an unknown flag names the nearest', () => {
  expect(() => parse('--partcles', '3')).toThrow(/unknown option '--partcles'\s*\(Did you mean --particles\?\)/)
})

test('a flag shared by algorithms is listed once', () => {
  const command = new Command('net')
  const [model] = catalogue.models
  if (model) addCatalogueFlags(command, model, catalogue)
  const help = command.helpInformation()
  expect(help.match(/--step </g)).toHaveLength(1)
  for (const heading of ['Options of the model:', 'Options of the algorithm:', 'Options of the run:'])
    expect(help).toContain(heading)
  expect(help).toContain('default: 1000')
})
