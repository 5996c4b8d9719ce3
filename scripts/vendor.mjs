// Fills native/third_party with the headers of Eigen and doctest, checked against native/third_party/vendor.lock.json.
// They come from what the machine has installed, or from Debian's packages, fetched and unpacked but not installed.
//   node scripts/vendor.mjs            fill what is missing, verify all
//   node scripts/vendor.mjs --lock     write the checksums of what is there into the lock file
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './lib.mjs'

const folder = join(root, 'native/third_party')
const lockFile = join(folder, 'vendor.lock.json')
const lock = JSON.parse(readFileSync(lockFile, 'utf8'))

/** sha256 over the sorted names and contents of all files under `path`. */
function treeChecksum(path) {
  const hash = createHash('sha256')
  const visit = (relative) => {
    for (const entry of readdirSync(join(path, relative), { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`
      if (entry.isDirectory()) visit(name)
      else hash.update(`${name}\0`).update(readFileSync(join(path, name)))
    }
  }
  visit('')
  return hash.digest('hex')
}

function fromDebian(entry) {
  const scratch = mkdtempSync(join(tmpdir(), 'meanfield-vendor-'))
  const apt = (...args) =>
    execFileSync('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', ...args], { cwd: scratch, stdio: 'ignore' })
  try {
    apt('download', entry.debian)
  } catch {
    apt('update') // a new machine has no package lists yet; needs root
    apt('download', entry.debian)
  }
  const archive = readdirSync(scratch).find((name) => name.endsWith('.deb'))
  execFileSync('dpkg', ['-x', archive, 'unpacked'], { cwd: scratch })
  return { base: join(scratch, 'unpacked'), scratch }
}

function fill(name, entry) {
  const target = join(folder, name)
  if (existsSync(target)) return
  let base = ''
  let scratch
  if (!existsSync(join('/', entry.source))) {
    try {
      ;({ base, scratch } = fromDebian(entry))
    } catch {
      throw new Error(
        `Cannot find ${entry.title}: install it with 'apt-get update && apt-get install ${entry.debian}'.`,
      )
    }
  }
  for (const [from, to] of Object.entries(entry.copy)) {
    cpSync(join(base || '/', entry.source, from), join(target, to), { recursive: true, dereference: true })
  }
  if (scratch) rmSync(scratch, { recursive: true })
}

for (const [name, entry] of Object.entries(lock)) {
  fill(name, entry)
  const found = treeChecksum(join(folder, name))
  if (process.argv.includes('--lock')) entry.sha256 = found
  else if (found !== entry.sha256) {
    rmSync(join(folder, name), { recursive: true })
    throw new Error(
      `${entry.title} is not version ${entry.version}: checksum ${found}, expected ${entry.sha256}. ` +
        `Install ${entry.debian} at that version, or update the lock with 'node scripts/vendor.mjs --lock'.`,
    )
  }
}
if (process.argv.includes('--lock')) writeFileSync(lockFile, `${JSON.stringify(lock, null, 2)}\n`)
