/** `meanfield run`, `resume` and `status`: experiments with a folder that remembers. */
import { basename, join } from 'node:path'
import { Command } from 'commander'
import type { Study, StudySummary } from '../experiment'
import type { TrialRecord, TrialState } from '../store'
import { conditions } from './conditions'
import { exitCodes, UsageError } from './exit'
import { onInterrupt } from './interrupt'
import { note, print, printJson, startProgress } from './output'
import { studySummary } from './study-summary'

interface RunFlags {
  out?: string
  unfinished: boolean
  resumeFailed?: boolean
  restartFailed?: boolean
  part?: string
  json?: boolean
}

/** Words of `--help` that run, resume and worker share. */
const afterwards = `
Ctrl-C stops the trials, leaves checkpoints and exits with 75; 'meanfield resume' goes on from there.`

export function runCommand(): Command {
  return new Command('run')
    .description('Run an experiment: data × model × options × seeds, as a YAML file says.')
    .argument('<file>', 'the experiment, YAML')
    .argument('[override...]', 'changes to it: particles=512,1024 seed=0..9 run.parallel=2')
    .option('--out <folder>', "Folder of the study; default: out/ and the experiment's name.")
    .option('--part <i/n>', 'Run only the trials whose number leaves the rest i when divided by n.')
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `${afterwards}
A study that was begun with the same file and overrides is carried on.

Example:
  $ meanfield run examples/spam.yaml entropy=1e-3 seed=0 certificate=false --out out/spam`,
    )
    .action(async (file: string, overrides: string[], flags: RunFlags) => {
      const { study, folder } = await studyOf(file, overrides, flags.out)
      return runToEnd(study, folder, flags)
    })
}

/** The study of a definition: new, or the one that was begun with the same definition in the folder. */
export async function studyOf(
  file: string,
  overrides: readonly string[],
  out: string | undefined,
): Promise<{ study: Study; folder: string }> {
  const { loadDefinition, Study } = await import('../experiment')
  const { StudyStore } = await import('../store')
  const { definition, base } = loadDefinition(file, overrides)
  const folder = out ?? join('out', definition.name.replace(/[^\w.-]+/g, '-'))
  if (!StudyStore.isStudy(folder)) return { study: await Study.create(folder, definition, { base }), folder }
  const study = await Study.open(folder)
  if (JSON.stringify(study.resolved.definition) !== JSON.stringify(definition)) {
    const words = `'${folder}' holds a study that is not what ${basename(file)} says now; name another folder with --out, or carry it on as it was with 'meanfield resume ${folder}'.`
    throw new UsageError(words)
  }
  return { study, folder }
}

export function resumeCommand(): Command {
  return new Command('resume')
    .description(
      'Carry on a study that was interrupted, or whose process died: what is complete is not computed again.',
    )
    .argument('<folder>', 'folder of the study')
    .option('--no-unfinished', 'Leave trials that were begun and not ended as they are.')
    .option('--resume-failed', 'Carry on failed trials from their checkpoints.')
    .option('--restart-failed', 'Begin failed trials anew.')
    .option('--part <i/n>', 'Run only the trials whose number leaves the rest i when divided by n.')
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `${afterwards}

Example:
  $ meanfield resume out/spam --restart-failed`,
    )
    .action(async (folder: string, flags: RunFlags) => {
      if (flags.resumeFailed && flags.restartFailed)
        throw new UsageError('both --resume-failed and --restart-failed were given; expected one of the two.')
      const { Study } = await import('../experiment')
      return runToEnd(await Study.open(folder), folder, flags)
    })
}

async function runToEnd(study: Study, folder: string, flags: RunFlags): Promise<void> {
  const { runStudy } = await import('../experiment')
  const select = flags.part === undefined ? undefined : partOf(flags.part)
  const interrupt = onInterrupt(() => note('\nstopping, and leaving checkpoints; again to end at once.'))
  const progress = startProgress(study.name, flags.json === true)
  let summary: StudySummary
  try {
    summary = await runStudy(study, {
      signal: interrupt.signal,
      unfinished: flags.unfinished ?? true,
      resumeFailed: flags.resumeFailed === true,
      restartFailed: flags.restartFailed === true,
      ...(select && { select }),
      onProgress: ({ ended, size, failed, last }) => {
        if (last?.message && !process.stderr.isTTY && !flags.json) note(`trial ${last.id} failed: ${last.message}`)
        progress.update(ended / size, `${ended} of ${size} trials${failed > 0 ? `, ${failed} failed` : ''}`)
      },
    })
  } finally {
    progress.stop()
    interrupt.release()
  }
  const { document, words } = studySummary(study.store, folder)
  if (flags.json) printJson({ ...document(), interrupted: summary.interrupted })
  else {
    print(words())
    if (summary.interrupted) note(`interrupted; go on with: meanfield resume ${folder}`)
  }
  process.exitCode = summary.interrupted
    ? exitCodes.interrupted
    : summary.failed > 0
      ? exitCodes.badInput
      : exitCodes.done
}

/** `0/4`: trials whose number leaves the rest 0 when divided by 4. */
export function partOf(text: string): (number: number) => boolean {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  if (index === undefined || Number(count) === 0 || Number(index) >= Number(count))
    throw new UsageError(`--part is '${text}'; expected i/n with i from 0 to n-1, such as 0/4.`)
  return (number) => number % Number(count) === Number(index)
}

interface StatusFlags {
  state?: TrialState
  where: string[]
  list?: boolean
  json?: boolean
}

export function statusCommand(): Command {
  return new Command('status')
    .description('Say how far a study is, and list its trials.')
    .argument('<folder>', 'folder of the study')
    .option('--list', 'List the trials with their options and results.')
    .option(
      '--state <state>',
      'Only trials in this state: waiting, running, stale, complete, pruned, failed, cancelled.',
    )
    .option(
      '--where <condition>',
      'Only trials whose option or result fits, such as algorithm=langevin or test.accuracy>0.9; may be given several times.',
      (text: string, before: string[]) => [...before, text],
      [] as string[],
    )
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `
Example:
  $ meanfield status out/spam --list --state complete --where algorithm=langevin`,
    )
    .action(async (folder: string, flags: StatusFlags) => {
      const { StudyStore, trialStates } = await import('../store')
      if (flags.state !== undefined && !trialStates.includes(flags.state))
        throw new UsageError(`--state is '${flags.state}'; expected one of ${trialStates.join(', ')}.`)
      const store = StudyStore.open(folder)
      const { document, words } = studySummary(store, folder)
      const fits = conditions(flags.where, store)
      const chosen = (trial: TrialRecord) => (flags.state === undefined || trial.state === flags.state) && fits(trial)
      const listing = flags.list || flags.state !== undefined || flags.where.length > 0
      const trials = listing ? store.trials(chosen) : []
      if (flags.json) return printJson({ ...document(), ...(listing && { trials }) })
      print(words())
      for (const damaged of store.damaged) note(`left out: ${damaged.file}, line ${damaged.line}: ${damaged.why}.`)
      if (listing) print(listed(trials))
    })
}

function listed(trials: readonly TrialRecord[]): string {
  const { formatNumber } = require('../report') as typeof import('../report')
  const lines = trials.map(({ number, state, options, seed, metrics, failure }) => {
    const values = Object.entries(options).map(([name, value]) => `${name}=${value}`)
    const results = Object.entries(metrics).map(([name, value]) => `${name} ${formatNumber(value)}`)
    return `${String(number).padStart(6)}  ${state.padEnd(9)} ${values.join(' ')} seed=${seed}  ${failure ? `${failure.code}: ${failure.message}` : results.join(', ')}`
  })
  return lines.length > 0 ? `\n${lines.join('\n')}` : '\nno such trial.'
}
