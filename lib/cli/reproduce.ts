/** `meanfield reproduce`: run published experiments and hold their claims against what is measured. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { suggest } from '../native/errors'
import { formatNumber, formatSeconds, renderPage } from '../report'
import type { Experiment, Reproduction } from '../reproduce'
import { environmentFacts } from './environment'
import { exitCodes, UsageError } from './exit'
import { parseInteger } from './flags'
import { onInterrupt } from './interrupt'
import { note, print, printJson, startProgress } from './output'

interface Options {
  all?: boolean
  list?: boolean
  full?: boolean
  report?: boolean
  json?: boolean
  out: string
  seed: number
  threads?: number
}

export function reproduceCommand(): Command {
  return new Command('reproduce')
    .description('Run published experiments, print each claim beside what was measured, and write figures and numbers.')
    .argument('[id...]', 'experiments to run')
    .option('--all', 'Run every experiment.')
    .option('--list', 'List the experiments and end.')
    .option('--full', 'Run each as published, not the part that takes a minute or less.')
    .option('--seed <integer>', 'Seed of data, splits and noise.', (text) => parseInteger(text, '--seed', 0), 1)
    .option(
      '--threads <integer>',
      'Threads of every fit, or fits of one thread at a time; default: the processors available. Does not change the result.',
      (text) => parseInteger(text, '--threads', 1),
    )
    .option('--out <folder>', 'Where to write; each experiment gets a folder of its own.', join('out', 'reproduce'))
    .option('--report', 'Also write report.html, one page with all curves, claims and settings.')
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `
Exits with 1 when a claim fails.

Example:
  $ meanfield reproduce alignment --out out/reproduce --report`,
    )
    .action(async (ids: string[], options: Options) => {
      // Loaded here so that --help and doctor work where the native binary does not.
      const { experiments } = await import('../reproduce')
      if (options.list) list(experiments, options.json === true)
      else process.exitCode = await reproduce(choose(ids, options.all === true, experiments), options)
    })
}

function list(experiments: readonly Experiment[], json: boolean): void {
  if (json) {
    printJson(experiments.map(({ id, title, source }) => ({ id, title, source })))
    return
  }
  const width = Math.max(...experiments.map(({ id }) => id.length)) + 2
  for (const { id, title, source } of experiments) print(`${id.padEnd(width)}${title}\n${' '.repeat(width)}${source}`)
}

function choose(ids: string[], all: boolean, experiments: readonly Experiment[]): Experiment[] {
  const known = experiments.map(({ id }) => id)
  if (all && ids.length > 0)
    throw new UsageError('both --all and names of experiments were given; expected one of the two.')
  if (all) return [...experiments]
  if (ids.length === 0) throw new UsageError(`no experiment was named; expected --all or one of ${known.join(', ')}.`)
  return [...new Set(ids)].map((id) => {
    const experiment = experiments.find((candidate) => candidate.id === id)
    if (experiment) return experiment
    const near = suggest(id, known)
    throw new UsageError(
      `there is no experiment '${id}'${near ? `; did you mean ${near}?` : '.'} Known: ${known.join(', ')}.`,
    )
  })
}

async function reproduce(chosen: Experiment[], options: Options): Promise<number> {
  const { runExperiment } = await import('../reproduce')
  const json = options.json === true
  const done: Reproduction[] = []
  const interrupt = onInterrupt(() => note('\nstopping; again to end at once.'))
  try {
    for (const experiment of chosen) {
      const progress = startProgress(experiment.id, json)
      try {
        const context = {
          seed: options.seed,
          full: options.full === true,
          threads: options.threads,
          signal: interrupt.signal,
          onProgress: progress.update,
        }
        done.push(await runExperiment(experiment, context, join(options.out, experiment.id)))
      } finally {
        progress.stop()
      }
    }
  } finally {
    interrupt.release()
  }
  const page = options.report ? await writeReport(done, options) : undefined
  if (json)
    printJson(
      done.map(({ id, claims, files, seconds }) => ({ id, claims, files, seconds, ...(page && { report: page }) })),
    )
  else table(done, options.out, page)
  return done.every(({ claims }) => claims.every(({ holds }) => holds)) ? exitCodes.done : exitCodes.wrongUse
}

async function writeReport(sections: Reproduction[], options: Options): Promise<string> {
  const environment: [string, string][] = [...environmentFacts(), ['seed', String(options.seed)]]
  if (options.threads) environment.push(['threads of each fit', String(options.threads)])
  await mkdir(options.out, { recursive: true })
  const page = join(options.out, 'report.html')
  await writeFile(page, renderPage({ title: 'meanfield: published experiments, reproduced', sections, environment }))
  return page
}

function table(done: Reproduction[], out: string, page?: string): void {
  const claims = done.flatMap((reproduction) => reproduction.claims)
  const width = Math.max(...claims.map(({ claim }) => claim.length))
  for (const { title, claims, seconds } of done) {
    print(`\n${title} (${formatSeconds(seconds)})`)
    for (const { claim, measured, expected, holds } of claims)
      print(`  ${holds ? '✓' : '✗'} ${claim.padEnd(width)}  ${formatNumber(measured).padStart(8)}  ${expected}`)
  }
  const failed = claims.filter(({ holds }) => !holds).length
  print(`\n${failed === 0 ? `All ${claims.length} claims hold.` : `${failed} of ${claims.length} claims fail.`}`)
  print(`Figures and numbers: ${done.map(({ id }) => join(out, id)).join(', ')}`)
  if (page) print(`Report: ${page}`)
}
