// npm start: sets up everything, then runs the main job with the command-line tool, which shows its own progress.
import { spawn } from 'node:child_process'
import { main, root } from './lib.mjs'
import { setup } from './setup.mjs'

main(async () => {
  await setup()
  const args = [
    'dist/cli/main.js',
    'reproduce',
    'digits',
    'alignment',
    '--out',
    'out/start',
    '--report',
    ...process.argv.slice(2),
  ]
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
  // The terminal sends Ctrl-C to the child as well; this process only waits for what the child makes of it.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.exitCode = await new Promise((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? (signal ? 1 : 0))),
  )
})
