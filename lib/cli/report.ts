/** `meanfield report` and `meanfield serve`: a study as a page, once or live. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import type { PageObjective } from '../report'
import type { StudyStore } from '../store'
import { UsageError } from './exit'
import { parseInteger } from './flags'
import { onInterrupt } from './interrupt'
import { note, print, printJson } from './output'
import { serveStudy } from './server'

interface ReportFlags {
  out?: string
  figures?: string
  png?: boolean
  table?: 'markdown' | 'latex'
  json?: boolean
}

/** What the study is judged by, where its definition says so. */
export function objectiveOf(store: StudyStore): PageObjective | undefined {
  const { resolveDefinition } = require('../experiment') as typeof import('../experiment')
  return resolveDefinition(store.study.definition).objectives[0]
}

export function reportCommand(): Command {
  return new Command('report')
    .description('Write a study as one HTML page that needs nothing else: curves, certificates, tables, environment.')
    .argument('<folder>', 'folder of the study')
    .option('--out <file>', 'Where to write the page; default: report.html in the folder of the study.')
    .option('--figures <folder>', 'Also write each curve here as SVG, with its numbers as CSV.')
    .option('--png', 'Write the curves as PNG too (npm install @resvg/resvg-js).')
    .option('--table <format>', 'Also print the results over the seeds: markdown or latex.', (text) => {
      if (text !== 'markdown' && text !== 'latex')
        throw new UsageError(`--table is '${text}'; expected markdown or latex.`)
      return text
    })
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `
Example:
  $ meanfield report out/spam --figures out/spam/figures --table markdown`,
    )
    .action(async (folder: string, flags: ReportFlags) => {
      const { formatComparison, compareMethods, formatTable, renderStudyPage, resultTable } = await import('../report')
      const { StudyStore } = await import('../store')
      if (flags.png && flags.figures === undefined)
        throw new UsageError('--png is given without --figures; name the folder of the figures with it.')
      const store = StudyStore.open(folder)
      const objective = objectiveOf(store)
      const page = flags.out ?? join(folder, 'report.html')
      writeFileSync(page, renderStudyPage(store, objective && { objective }))
      const files = [
        page,
        ...(flags.figures === undefined ? [] : await writeFigures(store, flags.figures, flags.png === true, objective)),
      ]
      if (flags.json) return printJson({ study: store.study.name, files, table: resultTable(store.trials()) })
      if (flags.table) {
        const table = resultTable(store.trials())
        print(formatTable(table, flags.table))
        const [parameter] = table.parameters
        const comparison =
          parameter &&
          objective &&
          compareMethods(store.trials(), parameter, objective.metric, objective.direction === 'maximize')
        if (comparison) print(`\n${formatComparison(comparison, flags.table)}`)
        note(files.join('\n'))
      } else print(files.join('\n'))
    })
}

async function writeFigures(
  store: StudyStore,
  folder: string,
  png: boolean,
  objective: PageObjective | undefined,
): Promise<string[]> {
  const { abscissas, certificateFigure, chartFile, chartPng, curveFigure, curveGroups, figureCsv, ordinates } =
    await import('../report')
  const { groups } = curveGroups(store.trials(), (trial) => store.trace(trial), objective)
  const figures = [
    ...(Object.keys(ordinates) as (keyof typeof ordinates)[]).flatMap((y) =>
      (Object.keys(abscissas) as (keyof typeof abscissas)[]).flatMap((x) => curveFigure(groups, x, y) ?? []),
    ),
    ...groups.flatMap((group, i) => certificateFigure(group, i) ?? []),
  ]
  mkdirSync(folder, { recursive: true })
  return figures.flatMap((figure) =>
    Object.entries({
      svg: chartFile(figure),
      csv: figureCsv(figure),
      ...(png && { png: chartPng(figure) }),
    }).map(([ending, content]) => {
      const file = join(folder, `${figure.id}.${ending}`)
      writeFileSync(file, content)
      return file
    }),
  )
}

export function serveCommand(): Command {
  return new Command('serve')
    .description(
      'Show the page of a study live while its trials run. Read-only, and for this machine alone unless told.',
    )
    .argument('<folder>', 'folder of the study')
    .option('--port <integer>', 'Port; 0: any that is free.', (text) => parseInteger(text, '--port', 0, 65535), 8765)
    .option(
      '--host <address>',
      'Address to listen on; one that is not loopback shows the study to the network.',
      '127.0.0.1',
    )
    .option('--json', 'Print one JSON document with the address and nothing else.')
    .addHelpText(
      'after',
      `
Example:
  $ meanfield serve out/spam --port 8765`,
    )
    .action(async (folder: string, { port, host, json }: { port: number; host: string; json?: boolean }) => {
      const { StudyStore } = await import('../store')
      const store = StudyStore.open(folder)
      const objective = objectiveOf(store)
      const interrupt = onInterrupt(() => {})
      const server = await serveStudy(store, { port, host, ...(objective && { objective }) })
      if (json) printJson({ study: store.study.name, url: server.url })
      else print(`${store.study.name}: ${server.url} (Ctrl-C ends it)`)
      await new Promise<void>((resolve) => interrupt.signal.addEventListener('abort', () => resolve(), { once: true }))
      interrupt.release()
      await server.close()
    })
}
