/** The command, run as users run it, and small files for it. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// The command as users have it; npm test builds it first.
export const command = join(__dirname, '..', '..', 'dist', 'cli', 'main.js')
export const folder = mkdtempSync(join(tmpdir(), 'meanfield-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))
export const place = (name: string) => join(folder, name)
export const put = (name: string, text: string) => {
  writeFileSync(place(name), text)
  return place(name)
}

/** Two clouds and a smooth curve, as files. */
const row = (i: number) => [Math.sin(i * i), Math.cos(3 * i * i + 1)]
export const lines = (names: string, cells: (x: number, y: number) => string, from = 0) =>
  `${names}\n${Array.from({ length: 120 }, (_, i) => row(from + i))
    .map(([x, y]) => `${x.toFixed(6)},${y.toFixed(6)},${cells(x, y)}`)
    .join('\n')}\n`
export const label = (x: number, y: number) => (x + y > 0 ? 'right' : 'left')
export const clouds = put('clouds.csv', lines('x,y,side', label))
export const more = put('more.csv', lines('x,y,side', label, 1000))
export const curve = put(
  'curve.csv',
  lines('x,y,height', (x, y) => String(100 + 7 * Math.sin(x + y))),
)
export const small = ['--particles', '32', '--entropy', '1e-4', '--steps', '40', '--certificate-draws', '200']
export const fit = ['fit', 'mean-field']
export const fitClouds = [...fit, '--data', clouds, '--target', 'side', ...small]

export function meanfield(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8', cwd: folder })
  return { status, stdout, stderr }
}

/** One JSON document on standard output, and nothing else. */
export function json(...args: string[]) {
  const { status, stdout, stderr } = meanfield(...args, '--json')
  return { status, stderr, document: JSON.parse(stdout) }
}
