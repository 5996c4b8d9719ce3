import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'

// The package as those see it who install it: its exports and types, from CommonJS and from modules. npm test builds it.
const root = join(__dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'meanfield-consumer-'))
afterAll(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true })
symlinkSync(root, join(folder, 'node_modules', 'meanfield'))
symlinkSync(join(root, 'node_modules', '@types', 'node'), join(folder, 'node_modules', '@types', 'node'))

const use = `
export async function learn(): Promise<number> {
  const data = await Dataset.fromCsv('digits.csv', { target: 'label' })
  const { train, test } = data.split({ test: 0.25, seed: 1 })
  const options: MeanFieldNetworkOptions = { particles: 10, algorithm: { name: 'dual-averaging', innerSteps: 3 } }
  const net = new MeanFieldNetwork(options)
  const run = net.fit(train, { seed: 7, validation: test })
  for await (const point of run) console.log(point.step, point.objective)
  const { certificate, trace }: MeanFieldFit = await run
  const steps: Float64Array = trace.step
  return (certificate?.gap ?? 0) + steps.length
}
`
const imports = `import { Dataset, type MeanFieldFit, MeanFieldNetwork, type MeanFieldNetworkOptions } from 'meanfield'\n`

describe('types', () => {
  it.each([
    [
      'CommonJS and modules',
      ['consumer.cts', 'consumer.mts'],
      ts.ModuleKind.NodeNext,
      ts.ModuleResolutionKind.NodeNext,
    ],
    ['a bundler', ['consumer.ts'], ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler],
  ])('are found and are right for %s', (_, names, module, moduleResolution) => {
    const consumers = names.map((name) => join(folder, name))
    for (const file of consumers) writeFileSync(file, imports + use)
    const program = ts.createProgram(consumers, {
      module,
      moduleResolution,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts'],
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      // Our declarations are checked too.
      skipLibCheck: false,
    })
    const words = ts.getPreEmitDiagnostics(program).map(({ messageText, file: where }) => {
      const text = ts.flattenDiagnosticMessageText(messageText, '\n')
      return `${where?.fileName ?? ''}: ${text}`
    })
    expect(words).toEqual([])
    const ours = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(join(root, 'dist')))
    expect(ours.length).toBeGreaterThan(5)
  })
})

describe('exports', () => {
  function run(name: string, text: string) {
    writeFileSync(join(folder, name), text)
    const { stdout, stderr } = spawnSync(process.execPath, [name], { cwd: folder, encoding: 'utf8' })
    return { stderr, value: stdout ? JSON.parse(stdout) : undefined }
  }

  it('are the same, by name, for require and import, with one copy of the package', () => {
    const { stderr, value } = run(
      'both.mjs',
      `import { createRequire } from 'node:module'
       import * as imported from 'meanfield'
       import { Dataset, InvalidDataError, MeanFieldNetwork, nativeInfo } from 'meanfield'
       const required = createRequire(import.meta.url)('meanfield')
       const net = new MeanFieldNetwork({ particles: 4 })
       const data = required.Dataset.fromArrays([[1], [2], [3]], [1, 2, 4])
       const fit = await net.fit(data, { steps: 2, certificate: false })
       const error = await net.predict([[1, 2]]).catch((reason) => reason)
       console.log(JSON.stringify({
         same: required.Dataset === Dataset,
         error: error instanceof InvalidDataError,
         steps: fit.steps,
         napi: nativeInfo().napi,
         required: Object.keys(required).sort(),
         imported: Object.keys(imported).filter((name) => !['__esModule', 'default', 'module.exports'].includes(name)).sort(),
       }))`,
    )
    expect(stderr).toBe('')
    expect(value).toMatchObject({ same: true, error: true, steps: 2, napi: 8 })
    expect(value.imported).toEqual(value.required)
    expect(value.required).toEqual(expect.arrayContaining(['Dataset', 'MeanFieldNetwork', 'MeanfieldError']))
  })

  it('load what they need and no more: neither the command line nor what only one feature takes', () => {
    const { stderr, value } = run(
      'lean.cjs',
      `require('meanfield')
       console.log(JSON.stringify(Object.keys(require.cache)))`,
    )
    expect(stderr).toBe('')
    const files = (value as string[]).map((file) => file.replaceAll('\\\\', '/'))
    expect(files.filter((file) => /\/(commander|cli-progress)\/|\/dist\/cli\//.test(file))).toEqual([])
    // The binary is opened on first use, so that types and errors are there on a machine without one.
    expect(files.filter((file) => file.endsWith('.node'))).toEqual([])
  })

  it('are what package.json says, and nothing inside can be reached', () => {
    const { value } = run(
      'inside.cjs',
      `const codes = ['meanfield/package.json', 'meanfield/dist/native/load.js'].map((name) => {
         try { require(name); return 'there' } catch (error) { return error.code }
       })
       console.log(JSON.stringify(codes))`,
    )
    expect(value).toEqual(['there', 'ERR_PACKAGE_PATH_NOT_EXPORTED'])
  })
})

it('publint has nothing to say', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/publint/src/cli.js'), 'run', '--strict', '--pack', 'false', root],
    { encoding: 'utf8' },
  )
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(/All good!/)
})

it('every file that package.json names is there', () => {
  const { bin, main, types, files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const names = [main, types, ...Object.values(bin)] as string[]
  for (const name of names) {
    expect(files.some((kept: string) => name === kept || name.startsWith(`${kept}/`))).toBe(true)
    expect(readFileSync(join(root, name), 'utf8').length).toBeGreaterThan(0)
  }
  expect(readFileSync(join(root, bin.meanfield), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
})
