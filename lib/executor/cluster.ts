/**
 * Jobs for the schedulers of clusters, each of which runs one part of a study a task: Slurm arrays
 * (https://slurm.schedmd.com/job_array.html) and Kubernetes indexed jobs
 * (https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode).
 *
 * Both go by the exit codes of `meanfield worker`: 0 done; 42 doing it again would not help; 75 interrupted, start it again.
 */

export interface ClusterJob {
  /** Of the study. */
  name: string
  /** Folder of the study, absolute. */
  folder: string
  /** Tasks. */
  parts: number
  /** Processors of a task. */
  cpus?: number
  /** Memory of a task in the scheduler's words: `8G` for Slurm, `8Gi` for Kubernetes. */
  memory?: string
}

export interface SlurmJob extends ClusterJob {
  /** How the command is called there. */
  command: readonly string[]
  /** Most time of a task, as sbatch has it: `04:00:00`. */
  time?: string
}

export interface KubernetesJob extends ClusterJob {
  image: string
  /** Persistent volume claim that holds the study and its data, and where it is mounted. */
  claim: string
  mount: string
}

/** Seconds that a task has, after it was asked, to stop and leave checkpoints. */
const graceSeconds = 120

/** A script for sbatch. */
export function slurmScript({ name, folder, parts, cpus, memory, command, time }: SlurmJob): string {
  const options = [
    `--job-name=${plainName(name)}`,
    `--array=0-${parts - 1}`,
    `--output=${folder.replaceAll('%', '%%')}/slurm-%A_%a.log`,
    '--open-mode=append',
    '--requeue',
    // To this script and not to its children alone, while there is time.
    `--signal=B:TERM@${graceSeconds}`,
    ...(cpus === undefined ? [] : [`--cpus-per-task=${cpus}`]),
    ...(memory === undefined ? [] : [`--mem=${memory}`]),
    ...(time === undefined ? [] : [`--time=${time}`]),
  ]
  const words = [...command, 'worker', folder].map(shellWord).join(' ')
  return `#!/bin/bash
# Made by 'meanfield submit'; each task of the array runs one part of the study. Hand it to sbatch.
${options.map((option) => `#SBATCH ${option.includes(' ') ? `"${option}"` : option}`).join('\n')}

${words} --part "$SLURM_ARRAY_TASK_ID/${parts}" &
worker=$!
trap 'asked=1; kill -TERM "$worker" 2>/dev/null' TERM INT
wait "$worker"
code=$?
# The signal ended the wait, not the worker, which is leaving its checkpoints.
if [ -n "\${asked:-}" ]; then
  wait "$worker"
  again=$?
  [ "$again" -ne 127 ] && code=$again
fi

# 0: done. 42: doing it again would not help. 75: interrupted, it goes on from its checkpoints.
if [ "$code" -eq 75 ]; then
  scontrol requeue "\${SLURM_ARRAY_JOB_ID}_\${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
`
}

/** A manifest, in YAML. Accidents of a part are tried again three times, interruptions always, failures (42) never. */
export function kubernetesManifest({ name, folder, parts, cpus, memory, image, claim, mount }: KubernetesJob): string {
  const { stringify } = require('yaml') as typeof import('yaml')
  const container = plainName(name)
  const amounts = { ...(cpus !== undefined && { cpu: String(cpus) }), ...(memory !== undefined && { memory }) }
  const onExit = (action: string, code: number) => ({
    action,
    onExitCodes: { containerName: container, operator: 'In', values: [code] },
  })
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: container },
    spec: {
      completionMode: 'Indexed',
      completions: parts,
      parallelism: parts,
      backoffLimitPerIndex: 3,
      podFailurePolicy: {
        rules: [
          onExit('FailIndex', 42),
          onExit('Ignore', 75),
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        ],
      },
      template: {
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: graceSeconds,
          containers: [
            {
              name: container,
              image,
              command: [
                'meanfield',
                'worker',
                folder.replaceAll('$(', '$$('),
                '--part',
                `$(JOB_COMPLETION_INDEX)/${parts}`,
              ],
              volumeMounts: [{ name: 'study', mountPath: mount }],
              ...(Object.keys(amounts).length > 0 && { resources: { requests: amounts, limits: amounts } }),
            },
          ],
          volumes: [{ name: 'study', persistentVolumeClaim: { claimName: claim } }],
        },
      },
    },
  }
  return `# Made by 'meanfield submit'; each index of the job runs one part of the study. Hand it to kubectl apply -f.\n${stringify(job)}`
}

/** A name as RFC 1123 has it, which all schedulers take. */
function plainName(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '')
  return `meanfield-${plain || 'study'}`
}

function shellWord(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
