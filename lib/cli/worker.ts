/** `meanfield worker`: one of several processes, on one machine or many, that carry out a study together. */
import { Command } from 'commander'
import type { StudySummary } from '../experiment'
import { exitCodes, UsageError } from './exit'
import { partOf } from './experiment'
import { parseNumber } from './flags'
import { onInterrupt } from './interrupt'
import { note, print, printJson, startProgress } from './output'
import { studySummary } from './study-summary'

interface WorkerFlags {
  part?: string
  redis?: string | true
  lease: number
  json?: boolean
}

export function workerCommand(): Command {
  return new Command('worker')
    .description('Work on a study together with other workers: on one part of it, or on trials from a queue on Redis.')
    .argument('<folder>', 'folder of the study, which all workers see')
    .option(
      '--part <i/n>',
      'The trials whose number leaves the rest i when divided by n; waits for what others are at.',
    )
    .option(
      '--redis [url]',
      'Trials from BullMQ (npm install bullmq@6 ioredis@5) on this Redis; default: REDIS_URL, or redis://127.0.0.1:6379.',
    )
    .option(
      '--lease <seconds>',
      'With --redis: after how long the trials of a worker that has gone silent are handed to others.',
      (text) => {
        const seconds = parseNumber(text, '--lease')
        if (seconds < 1) throw new UsageError(`--lease is ${text}; expected at least 1 second.`)
        return seconds
      },
      30,
    )
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `
'meanfield submit' makes the study, and the queue or the job that starts workers. A worker ends when all of its trials have
ended. Exit codes, for schedulers: 0 done; 42 a trial failed, or the study cannot be run: doing it again would not help;
75 interrupted with checkpoints: start it again. Anything else is an accident that another attempt may not have.

Examples:
  $ meanfield worker out/spam --part 0/4
  $ meanfield worker out/spam --redis redis://127.0.0.1:6379`,
    )
    .action(async (folder: string, flags: WorkerFlags) => {
      if ((flags.part === undefined) === (flags.redis === undefined))
        throw new UsageError('expected one of --part and --redis: either a part of the study, or trials from a queue.')
      const { executorOf, PartSource, QueueSource, runStudy, Study } = await import('../experiment')
      const select = flags.part === undefined ? () => true : partOf(flags.part)
      const study = await Study.open(folder)
      const interrupt = onInterrupt(() => note('\nstopping, and leaving checkpoints; again to end at once.'))
      const { signal } = interrupt
      const progress = startProgress(study.name, flags.json === true)
      let summary: StudySummary
      let carriedOut = 0
      try {
        const source =
          flags.redis === undefined
            ? new PartSource(study, select, signal)
            : await QueueSource.open(study, executorOf(study).executor.slots, signal, {
                url: redisUrl(flags.redis),
                lease: flags.lease,
                tell: note,
              })
        summary = await runStudy(study, {
          signal,
          select,
          source,
          onProgress: ({ last }) => {
            carriedOut++
            if (last?.message && !flags.json) note(`trial ${last.id} failed: ${last.message}`)
            progress.update(undefined, `${carriedOut} trials here`)
          },
        })
      } finally {
        progress.stop()
        interrupt.release()
      }
      const { document, words } = studySummary(study.store, folder)
      if (flags.json) printJson({ ...document(), carriedOut, interrupted: summary.interrupted })
      else print(`${words()}\n${carriedOut} of them here.`)
      process.exitCode = summary.interrupted
        ? exitCodes.interrupted
        : summary.failed > 0
          ? exitCodes.failedForGood
          : exitCodes.done
    })
}

/** Throws UsageError for what is no address of a Redis. */
export function redisUrl(given: string | true): string {
  const url = given === true ? (process.env.REDIS_URL ?? 'redis://127.0.0.1:6379') : given
  if (URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol)) return url
  throw new UsageError(`the address of Redis is '${url}'; expected redis://host:port, or rediss:// for TLS.`)
}
