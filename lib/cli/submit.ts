/** `meanfield submit`: a study for several machines, as trials in a queue or as a job for a cluster. */
import { realpathSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve, sep } from 'node:path'
import { Command } from 'commander'
import type { Study } from '../experiment'
import { InvalidOptionError } from '../native/errors'
import { UsageError } from './exit'
import { studyOf } from './experiment'
import { parseInteger } from './flags'
import { note, print, printJson } from './output'
import { redisUrl } from './worker'

interface SubmitFlags {
  out?: string
  slurm?: boolean
  kubernetes?: boolean
  redis?: string | true
  parts?: number
  cpus?: number
  memory?: string
  time?: string
  image?: string
  claim?: string
  mount?: string
  to?: string
  json?: boolean
}

const targets = ['slurm', 'kubernetes', 'redis'] as const
type Target = (typeof targets)[number]

/** Which flags have a meaning where. */
const flagsOf: Record<Target, readonly (keyof SubmitFlags)[]> = {
  slurm: ['parts', 'cpus', 'memory', 'time', 'to'],
  kubernetes: ['parts', 'cpus', 'memory', 'image', 'claim', 'mount', 'to'],
  redis: [],
}

export function submitCommand(): Command {
  const integer = (flag: string) => (text: string) => parseInteger(text, flag, 1)
  return new Command('submit')
    .description(
      'Prepare a study for several machines that see its folder: a job for Slurm or Kubernetes, or a queue on Redis.',
    )
    .argument('<study>', 'folder of a study, or an experiment as YAML, of which the study is made')
    .argument('[override...]', 'changes to the experiment: particles=512,1024 seed=0..9')
    .option('--out <folder>', "Folder of a new study; default: out/ and the experiment's name.")
    .option('--slurm', 'Print a script for sbatch: an array, each task of which runs one part of the study.')
    .option('--kubernetes', 'Print a manifest for kubectl: an indexed job, each index of which runs one part.')
    .option(
      '--redis [url]',
      "Queue the trials on this Redis for 'meanfield worker --redis'; default: REDIS_URL, or redis://127.0.0.1:6379.",
    )
    .option('--parts <integer>', 'Parts of the study, which run at once.', integer('--parts'))
    .option('--cpus <integer>', 'Processors of a part.', integer('--cpus'))
    .option('--memory <amount>', "Memory of a part in the scheduler's words: 8G for Slurm, 8Gi for Kubernetes.")
    .option('--time <limit>', 'Slurm: most time of a part, such as 04:00:00.')
    .option('--image <name>', 'Kubernetes: image that has the meanfield command.')
    .option('--claim <name>', 'Kubernetes: persistent volume claim that holds the study and its data.')
    .option('--mount <folder>', 'Kubernetes: where that is mounted; default: the folder around the study and its data.')
    .option('--to <file>', 'Write the job there instead of printing it.')
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `
Examples:
  $ meanfield submit examples/spam.yaml --out out/spam --slurm --parts 8 --time 04:00:00 | sbatch
  $ meanfield submit out/spam --kubernetes --parts 8 --image registry/meanfield --claim studies | kubectl apply -f -
  $ meanfield submit out/spam --redis redis://127.0.0.1:6379`,
    )
    .action(async (place: string, overrides: string[], flags: SubmitFlags) => {
      const target = targetOf(flags)
      const { study, folder } = await studyAt(place, overrides, flags.out)
      if (target === 'redis') {
        const { enqueueStudy } = await import('../experiment')
        const url = redisUrl(flags.redis as string | true)
        const queued = await enqueueStudy(study, { url })
        if (flags.json) return printJson({ study: study.name, folder, target, queued })
        return print(`${queued} trials queued; on each machine run: meanfield worker ${folder} --redis`)
      }
      const { requireFixedDesign } = await import('../experiment')
      requireFixedDesign(study)
      study.plan()
      study.close()
      const text = await jobText(target, study, flags)
      if (flags.to !== undefined) writeFileSync(flags.to, text)
      if (flags.json)
        printJson({ study: study.name, folder, target, ...(flags.to === undefined ? { text } : { file: flags.to }) })
      else if (flags.to === undefined) process.stdout.write(text)
      else note(flags.to)
    })
}

function targetOf(flags: SubmitFlags): Target {
  const chosen = targets.filter((name) => flags[name] !== undefined)
  const [target] = chosen
  if (target === undefined || chosen.length > 1)
    throw new UsageError('expected one of --slurm, --kubernetes and --redis.')
  const need = (name: keyof SubmitFlags) => {
    if (flags[name] === undefined) throw new UsageError(`--${target} needs --${name}.`)
  }
  if (target !== 'redis') need('parts')
  if (target === 'kubernetes') for (const name of ['image', 'claim'] as const) need(name)
  for (const name of new Set(Object.values(flagsOf).flat()))
    if (flags[name] !== undefined && !flagsOf[target].includes(name))
      throw new UsageError(`--${name} has no meaning for --${target}; leave it out.`)
  // Words of the scheduler: they go into its file as they are.
  for (const name of ['memory', 'time', 'image', 'claim'] as const)
    if (flags[name] !== undefined && !/^[\w.:/@+-]+$/.test(flags[name]))
      throw new UsageError(`--${name} is '${flags[name]}'; expected letters, digits and . : / @ + - only.`)
  return target
}

async function studyAt(place: string, overrides: string[], out?: string): Promise<{ study: Study; folder: string }> {
  const { StudyStore } = await import('../store')
  if (!StudyStore.isStudy(place)) return studyOf(place, overrides, out)
  if (overrides.length > 0 || out !== undefined)
    throw new UsageError(`'${place}' is a study already; overrides and --out are for a new one.`)
  const { Study } = await import('../experiment')
  return { study: await Study.open(place), folder: place }
}

async function jobText(target: Exclude<Target, 'redis'>, study: Study, flags: SubmitFlags): Promise<string> {
  const { kubernetesManifest, slurmScript } = await import('../executor')
  const folder = realpathSync(study.store.folder)
  const { parts = 1, cpus, memory, time, image = '', claim = '' } = flags
  const common = {
    name: study.name,
    folder,
    parts,
    ...(cpus !== undefined && { cpus }),
    ...(memory !== undefined && { memory }),
  }
  if (target === 'slurm') {
    const command = [process.execPath, realpathSync(process.argv[1] as string)]
    return slurmScript({ ...common, command, ...(time !== undefined && { time }) })
  }
  return kubernetesManifest({ ...common, image, claim, mount: flags.mount ?? folderAround(study, folder) })
}

/** The innermost folder that holds the study and its data, which must be mounted whole. */
function folderAround(study: Study, folder: string): string {
  const { data } = study.resolved.definition
  const places = [
    folder,
    ...[data?.file, data?.test].flatMap((file) => (file === undefined ? [] : [resolve(study.base, file)])),
  ]
  let around = dirname(folder)
  while (places.some((place) => relative(around, place).split(sep)[0] === '..')) around = dirname(around)
  if (around !== dirname(around)) return around
  throw new InvalidOptionError(
    `the study in '${folder}' and its data have no folder around them but '${around}'; name with --mount where the volume is mounted, and see that both are in it.`,
  )
}
