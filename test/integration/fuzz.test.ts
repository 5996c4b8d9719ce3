import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

// A fixed small part of what `npm run fuzz` does with 100,000 inputs for each reader.
test('damaged files are refused, or read as what they are', () => {
  const script = join(__dirname, '..', '..', 'scripts', 'fuzz.mjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--count', '100'], { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringContaining('Error') })
  expect(stdout.trim().split('\n')).toHaveLength(13)
})
