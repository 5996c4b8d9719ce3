// Writes lib/generated/catalogue.ts from the addon's catalogue; with --check only says whether it is stale.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { main, root } from './lib.mjs'

const target = join(root, 'lib/generated/catalogue.ts')

function tsType(field) {
  const base =
    field.type === 'choice'
      ? field.choices.map((choice) => `'${choice}'`).join(' | ')
      : field.type === 'boolean'
        ? 'boolean'
        : 'number'
  return field.auto ? `${base} | 'auto'` : base
}

function fieldText(field) {
  const symbol = field.symbol ? ` (${field.symbol})` : ''
  return `  /** ${field.doc}${symbol} Default ${JSON.stringify(field.default)}. */\n  ${field.name}?: ${tsType(field)}\n`
}

const pascal = (name) => name.replace(/(^|-)(\w)/g, (_, __, letter) => letter.toUpperCase())
const interfaceText = (name, doc, fields, head = '') =>
  `/** ${doc} */\nexport interface ${name} {\n${head}${fields.map(fieldText).join('')}}\n`

function traceText(type, list, columns) {
  const fields = columns.map((column) => `  /** ${column.doc} */\n  ${column.name}: number\n`)
  const names = columns.map((column) => `'${column.name}'`).join(', ')
  return [
    `/** One point of a trace, or of a running fit. */\nexport interface ${type} {\n`,
    ...fields,
    '}\n',
    `/** @internal */\nexport const ${list} = [${names}] as const satisfies (keyof ${type})[]\n`,
  ]
}

function render(catalogue) {
  const parts = ['// Generated from the native catalogue by scripts/generate.mjs. Do not edit.\n']
  for (const model of catalogue.models) {
    const name = pascal(model.name)
    parts.push(interfaceText(`${name}Options`, `Options of the model: ${model.title}.`, model.options))
    for (const algorithm of model.algorithms) {
      parts.push(
        interfaceText(
          `${pascal(algorithm.name)}Options`,
          `${algorithm.title}. ${algorithm.source}.`,
          algorithm.options,
          `  name: '${algorithm.name}'\n`,
        ),
      )
    }
    const names = model.algorithms.map((algorithm) => `'${algorithm.name}'`).join(' | ')
    const all = model.algorithms.map((algorithm) => `${pascal(algorithm.name)}Options`).join(' | ')
    parts.push(
      `export type ${name}AlgorithmName = ${names}\n`,
      `export type ${name}Algorithm = ${name}AlgorithmName | ${all}\n`,
    )
    if (model.run)
      parts.push(
        interfaceText(`${name}RunOptions`, `Options of a run of the model: ${model.title}.`, model.run),
        ...traceText(`${name}TracePoint`, `${name[0].toLowerCase()}${name.slice(1)}TraceColumns`, model.traceColumns),
      )
  }
  for (const measure of catalogue.measures)
    parts.push(interfaceText(`${pascal(measure.name)}Options`, `${measure.title}. ${measure.source}.`, measure.options))
  parts.push(
    interfaceText('MeasureRunOptions', 'Options of a run of a particle measure or a game.', catalogue.measureRun),
  )
  parts.push(interfaceText('RunOptions', 'Options of a run: how long, when to stop, what to record.', catalogue.run))
  parts.push(...traceText('TracePoint', 'traceColumns', catalogue.traceColumns))
  return parts.join('\n')
}

main(() => {
  const binding = createRequire(import.meta.url)(join(root, 'build/Release/meanfield.node'))
  const text = render(JSON.parse(binding.catalogue()))
  if (process.argv.includes('--check')) {
    if (readFileSync(target, 'utf8') !== text)
      throw new Error("lib/generated/catalogue.ts is stale: run 'npm run generate'.")
    return
  }
  mkdirSync(join(root, 'lib/generated'), { recursive: true })
  writeFileSync(target, text)
})
