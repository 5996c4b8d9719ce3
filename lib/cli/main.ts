#!/usr/bin/env node
/** The `meanfield` command. */
import { Command, CommanderError } from 'commander'
import { doctorCommand } from './doctor'
import { packageVersion } from './environment'
import { describeFailure, exitCodes, finalExitCode } from './exit'
import { resumeCommand, runCommand, statusCommand } from './experiment'
import { exportCommand } from './export'
import { fitCommand } from './fit'
import { note, printJson } from './output'
import { predictCommand } from './predict'
import { queryCommand } from './query'
import { reportCommand, serveCommand } from './report'
import { reproduceCommand } from './reproduce'
import { submitCommand } from './submit'
import { workerCommand } from './worker'

function program(): Command {
  const root = new Command('meanfield')
    .description(
      'Train mean-field networks with methods whose convergence is proved; every run ends with a certificate.',
    )
    .version(packageVersion(), '-V, --version', 'Print the version.')
    .helpOption('-h, --help', 'Print this help.')
    .addHelpText(
      'after',
      `
Example:
  $ meanfield fit mean-field --data data/breast-cancer.csv --target label --holdout 0.25

Exit codes: 0 done, 1 wrong use or failed claim, 2 data or option error, 75 interrupted.`,
    )
  // Only the flags of `fit` are asked of the native binary, so that the other commands can tell when it does not load.
  const fit = fitCommand(process.argv[2] === 'fit')
  const experiments = [
    runCommand(),
    resumeCommand(),
    statusCommand(),
    reportCommand(),
    serveCommand(),
    exportCommand(),
    queryCommand(),
  ]
  const shared = [submitCommand(), workerCommand()]
  for (const command of [fit, predictCommand(), ...experiments, ...shared, reproduceCommand(), doctorCommand()])
    root.addCommand(command)
  return inherit(root)
}

/** The same manners for every command: throw instead of exit, suggest near names, point to the help. */
function inherit(command: Command): Command {
  command
    .exitOverride()
    .helpCommand(false)
    .showSuggestionAfterError()
    .configureHelp({ helpWidth: Math.min(process.stdout.columns ?? 100, 110) })
    .configureOutput({ outputError: () => undefined })
  for (const child of command.commands) inherit(child.helpOption('-h, --help', 'Print this help.'))
  return command
}

async function main(): Promise<number> {
  const wantsJson = process.argv.includes('--json')
  try {
    await program().parseAsync()
    return Number(process.exitCode ?? exitCodes.done)
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done
    const failure =
      error instanceof CommanderError
        ? { code: 'MEANFIELD_USAGE', message: usageWords(error), exitCode: exitCodes.wrongUse }
        : describeFailure(error)
    if (wantsJson) printJson({ error: { code: failure.code, message: failure.message } })
    note('stack' in failure && failure.stack ? failure.stack : `error [${failure.code}]: ${failure.message}`)
    return process.argv[2] === 'worker' ? finalExitCode(failure) : failure.exitCode
  }
}

function usageWords(error: CommanderError): string {
  if (error.code === 'commander.help') return "no command given; see 'meanfield --help'."
  const words = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')
  return `${words}${/[.?)]$/.test(words) ? '' : '.'} See --help.`
}

// A reader that has seen enough (`meanfield … | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.done)
  throw error
})

void main().then((code) => {
  process.exitCode = code
})
