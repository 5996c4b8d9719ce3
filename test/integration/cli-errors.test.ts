import { clouds, curve, fit, fitClouds, folder, json, label, lines, meanfield, more, put, small } from './command'

describe('wrong use ends with 1', () => {
  it.each<[string[], RegExp]>([
    [['fti'], /unknown command 'fti'.*Did you mean fit\?/],
    [['fit', 'mean-feild'], /unknown command 'mean-feild'.*Did you mean mean-field\?/],
    [[...fitClouds, '--partcles', '3'], /unknown option '--partcles'.*Did you mean --particles\?/],
    [[...fitClouds, 'extra'], /too many arguments/],
    [[...fit, '--dta', 'x.csv'], /unknown option '--dta'.*Did you mean --data\?/],
    [['predict', 'x', '--daat', 'y'], /unknown option '--daat'.*Did you mean --data\?/],
    [[...fit, '--target', 'side'], /required option '--data <file>' not specified/],
    [[...fit, '--data', clouds], /no column to learn was named; say --target/],
    [[...fitClouds, '--holdout', '0.2', '--test', more], /both --test and --holdout/],
    [[...fitClouds, '--inner-steps', '3'], /--inner-steps is an option of dual-averaging.*not of langevin/],
    [[...fitClouds, '--task', 'ranking'], /--task is 'ranking'; expected regression or classification/],
    [['predict', '--data', clouds], /missing required argument 'model'/],
  ])('%p', (args, message) => {
    const { status, stderr, document } = json(...args)
    expect(status).toBe(1)
    expect(document).toEqual({ error: { code: 'MEANFIELD_USAGE', message: expect.stringMatching(message) } })
    expect(stderr).toContain(document.error.message)
  })

  it('a flag without its value', () => {
    const { status, stderr } = meanfield(...fitClouds, '--particles')
    expect(status).toBe(1)
    expect(stderr).toMatch(/option '--particles <integer>' argument missing/)
  })

  it('no command at all', () => {
    for (const args of [[], ['fit']]) {
      const { status, stdout, stderr } = meanfield(...args)
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
      expect(stderr).toMatch(/no command given; see 'meanfield --help'\.\n$/)
    }
  })
})

describe('bad data and bad values end with 2', () => {
  const nan = lines('x,y,side', label).split('\n')
  nan[7] = '1,NaN,left'
  const text = lines('x,y,side', label).split('\n')
  text[3] = '1,oops,left'
  const others = lines('x,y,side', (x, y) => (x + y > 1 ? 'up' : label(x, y)))
  const nanFile = put('nan.csv', nan.join('\n'))
  const textFile = put('text.csv', text.join('\n'))
  const othersFile = put('others.csv', others)

  it.each<[string, string[], string, RegExp]>([
    ['a missing file', [...fit, '--data', 'gone.csv', '--target', 'side'], 'INVALID_DATA', /gone\.csv/],
    ['a folder', [...fit, '--data', folder, '--target', 'side'], 'INVALID_DATA', /meanfield-cli-/],
    [
      'a missing column',
      [...fit, '--data', clouds, '--target', 'sid'],
      'INVALID_OPTION',
      /clouds\.csv: there is no column 'sid'.*did you mean 'side'/,
    ],
    [
      'a missing value',
      [...fit, '--data', nanFile, '--target', 'side'],
      'INVALID_DATA',
      /nan\.csv, line 8, column 'y'/,
    ],
    [
      'a text',
      [...fit, '--data', textFile, '--target', 'side'],
      'INVALID_DATA',
      /text\.csv, line 4, column 'y'.*'oops'/,
    ],
    [
      'a label of the test data only',
      [...fitClouds, '--test', othersFile],
      'INVALID_DATA',
      /others\.csv, line \d+, column 'side': the label is 'up', expected one of 'left', 'right'/,
    ],
    ['entropy 0', [...fitClouds, '--entropy', '0'], 'INVALID_OPTION', /--entropy is 0; expected a number above 0/],
    [
      'half a particle',
      [...fitClouds, '--particles', '1.5'],
      'INVALID_OPTION',
      /--particles is 1\.5; expected 'auto' or an integer/,
    ],
    ['no number', [...fitClouds, '--seed', 'x'], 'INVALID_OPTION', /--seed is 'x'; expected a number/],
    ['no algorithm', [...fitClouds, '--algorithm', 'adam'], 'INVALID_OPTION', /--algorithm is 'adam'; expected one of/],
    ['no scaler', [...fitClouds, '--scale', 'robust'], 'INVALID_OPTION', /scaler is "robust"/],
    ['no device', [...fitClouds, '--device', 'gpu'], 'INVALID_OPTION', /device is 'gpu'/],
    ['a device that is not there', [...fitClouds, '--device', 'cuda'], 'DEVICE', /device is 'cuda'/],
    ['too much held out', [...fitClouds, '--holdout', '1'], 'INVALID_OPTION', /--holdout is 1; expected a fraction/],
    ['a loss that does not fit', [...fitClouds, '--loss', 'squared'], 'INVALID_OPTION', /takes numbers/],
    ['a folder to save in', [...fitClouds, '--out', folder], 'INVALID_OPTION', /--out is '.*'; that is a folder/],
    ['no folder to save in', [...fitClouds, '--out', 'no/where'], 'INVALID_OPTION', /there is no folder 'no'/],
    [
      'no folder for checkpoints',
      [...fitClouds, '--checkpoint', 'no/where'],
      'INVALID_OPTION',
      /--checkpoint is 'no\/where'; there is no folder/,
    ],
    ['no checkpoint', [...fitClouds, '--resume', 'gone'], 'CHECKPOINT', /checkpoint 'gone' could not be opened/],
    ['another file as one', [...fitClouds, '--resume', clouds], 'CHECKPOINT', /is not a meanfield checkpoint/],
  ])('%s', (_, args, code, message) => {
    const { status, stderr, document } = json(...args)
    expect(document).toEqual({ error: { code: `MEANFIELD_${code}`, message: expect.stringMatching(message) } })
    expect(status).toBe(2)
    expect(stderr).toBe(`error [MEANFIELD_${code}]: ${document.error.message}\n`)
  })

  it('an iterate that explodes is told with a remedy', () => {
    const flags = ['--second-layer', 'fixed', '--activation', 'relu', '--step', '1e9']
    const { status, document } = json(...fit, '--data', curve, '--target', 'height', ...small, ...flags)
    expect(status).toBe(2)
    expect(document.error).toEqual({
      code: 'MEANFIELD_DIVERGED',
      message: expect.stringMatching(/diverged at step .* use a smaller one/),
    })
  })
})
