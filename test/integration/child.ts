/** Runs a fixture as a process of its own, because what is tested is how processes and workers begin and end. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface Child {
  pid: number
  /** Resolves with the first line of standard output. */
  firstLine: Promise<string>
  ended: Promise<Outcome>
  kill(signal: NodeJS.Signals): void
}

export const fixture = (name: string) => join(__dirname, 'fixtures', name)

export function start(name: string, args: string[] = [], nodeFlags: string[] = []): Child {
  const child = spawn(process.execPath, [...nodeFlags, fixture(name), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  // A fixture that hangs must not outlive its test.
  const limit = setTimeout(() => child.kill('SIGKILL'), 100_000)
  let stdout = ''
  let stderr = ''
  let seen: (line: string) => void
  const firstLine = new Promise<string>((resolve) => {
    seen = resolve
  })
  child.stdout.on('data', (chunk) => {
    stdout += chunk
    const end = stdout.indexOf('\n')
    if (end >= 0) seen(stdout.slice(0, end))
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(limit)
      seen(stdout)
      resolve({ code, signal, stdout, stderr })
    })
  })
  return { pid: child.pid as number, firstLine, ended, kill: (signal) => child.kill(signal) }
}

/** Runs a fixture to its end, which must be a clean one, and returns the JSON of its last line. */
export async function run(name: string, args: string[] = [], nodeFlags: string[] = []): Promise<unknown> {
  const { code, signal, stdout, stderr } = await start(name, args, nodeFlags).ended
  if (code !== 0) throw new Error(`${name} ended with ${signal ?? `exit code ${code}`}:\n${stdout}${stderr}`)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string)
}
