// docs/guide.md, docs/data.md and the examples of every --help, run as they stand.
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const root = join(__dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'meanfield-guide-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// The package as an installation has it: the command on the path, and the module by its name.
const bin = join(folder, 'bin')
const modules = join(folder, 'node_modules')
for (const made of [bin, modules]) mkdirSync(made)
writeFileSync(
  join(bin, 'meanfield'),
  `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'dist', 'cli', 'main.js')}' "$@"\n`,
)
chmodSync(join(bin, 'meanfield'), 0o755)
symlinkSync(root, join(modules, 'meanfield'))
for (const name of ['data', 'examples']) symlinkSync(join(root, name), join(folder, name))
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }

function shell(script: string) {
  const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', script], { cwd: folder, env, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const blocks = ['guide', 'data'].flatMap((page) =>
  [...readFileSync(join(root, 'docs', `${page}.md`), 'utf8').matchAll(/```(sh|js)\n([\s\S]*?)```/g)].map(
    ([, language, text], i) => ({ place: `${page}, block ${i + 1}`, language, text: text as string }),
  ),
)
test.each(blocks)('$place', ({ language, text }) => {
  if (language === 'js') writeFileSync(join(folder, 'block.js'), text)
  const { status, stderr } = shell(language === 'js' ? 'node block.js' : text)
  expect({ status, stderr }).toMatchObject({ status: 0 })
})

test('the guide leaves what it promises', () => {
  expect(readFileSync(join(folder, 'table.tex'), 'utf8')).toContain('\\begin{tabular}')
  expect(readFileSync(join(folder, 'figures', 'objective-passes.svg'), 'utf8')).toContain('<svg')
  for (const name of ['spam.onnx', 'trials.parquet', 'people.safetensors'])
    expect(existsSync(join(folder, name))).toBe(true)
})

const help = (...command: string[]) => shell(`meanfield ${command.join(' ')} --help`).stdout
/** Names under `Commands:`. */
const commandsOf = (text: string) =>
  [...(text.split('Commands:\n')[1] ?? '').matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name as string)
const commands = commandsOf(help()).flatMap((name) => {
  const children = commandsOf(help(name))
  return [[name], ...children.map((child) => [name, child])]
})

test('every command has an example in its help', () => {
  expect(commands.length).toBeGreaterThanOrEqual(12)
  for (const command of commands) expect(help(...command)).toMatch(/Examples?:\n {2}\$ meanfield /)
})

// Those that need a server, or take longer than a test should, have tests of their own.
const elsewhere = ['serve', 'reproduce', 'worker', 'submit']
const examples = commands
  .filter(([name]) => !elsewhere.includes(name as string))
  .flatMap((command) => [...help(...command).matchAll(/^ {2}\$ (meanfield .*)$/gm)].map(([, line]) => line as string))
test.each(examples.filter((line, i) => examples.indexOf(line) === i))('%s', (line) => {
  const { status, stderr } = shell(line)
  expect({ status, stderr }).toMatchObject({ status: 0 })
})

test('serve shows the study until Ctrl-C', async () => {
  const child = spawn(join(bin, 'meanfield'), ['serve', 'out/cancer', '--port', '0', '--json'], { cwd: folder, env })
  const [first] = await new Promise<Buffer[]>((resolve) => child.stdout.once('data', (data) => resolve([data])))
  const { url } = JSON.parse(String(first))
  expect(await (await fetch(url)).text()).toContain('<title>')
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGINT')
  expect(await ended).toBe(0)
})
