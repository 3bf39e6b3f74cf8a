// Whole processes as a user waits for them: their time, their processor time and memory, all their children with them.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** How a whole process went, from its start to its end, its children with it; what it printed. */
export interface ProcessRun {
  /** Wall time. */
  readonly seconds: number
  /** Processor time of it and its children, to about 20 ms; null where it cannot be read (not Linux). */
  readonly cpuSeconds: number | null
  /** The largest resident size that it or a child of it ever had. */
  readonly peakBytes: number | null
  /** The most that it and all its children held at one moment; a page that several share counts once (PSS). */
  readonly sumBytes: number | null
  readonly stdout: string
  readonly failed: string | null
}

interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly watched?: boolean
}

/** A peer that has not ended by then has failed. */
const PATIENCE_MS = 60_000

/**
 * Runs a command in `cwd` to its end, watching what it and its children take. To tell memory the system walks through
 * all pages of every process and holds it up meanwhile, so where time is what counts, nothing but the time is looked at.
 */
export async function timed(
  command: string,
  args: readonly string[],
  { cwd = process.cwd(), env = {}, watched = true }: RunOptions = {},
): Promise<ProcessRun> {
  // Of the machine and not of what is measured: Node 20 reads these certificates whenever it starts, 40 ms for a system's.
  const { NODE_EXTRA_CA_CERTS: _, ...own } = process.env
  const started = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd, env: { ...own, ...env } })
  let [stdout, stderr] = ['', '']
  let [cpu, peak, sum] = [0, 0, 0]
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  let look = 0
  const lookAtIt = () => {
    const shares = look++ % SHARES_EVERY === 0
    const tree = treeOf(child.pid!, shares)
    cpu = Math.max(cpu, tree.cpuSeconds)
    peak = Math.max(peak, tree.peakBytes)
    if (shares) sum = Math.max(sum, tree.bytes)
  }
  const watch = watched ? setInterval(lookAtIt, 20) : undefined
  let late = false
  const limit = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, PATIENCE_MS)
  const code = await new Promise<number | null>((done) => {
    child.on('close', done)
    child.on('error', () => done(null))
  })
  const seconds = (performance.now() - started) / 1000
  clearInterval(watch)
  clearTimeout(limit)
  const failed = late
    ? `no end after ${PATIENCE_MS / 1000} s`
    : code === 0
      ? null
      : stderr.trim().split('\n').at(-1) || `exit ${code}`
  return { seconds, cpuSeconds: cpu || null, peakBytes: peak || null, sumBytes: sum || null, stdout, failed }
}

/** Linux counts processor time in these. */
const TICKS_PER_SECOND = 100

/** Telling shared pages from own ones walks through all of them: not at every look. */
const SHARES_EVERY = 5

/** What a process and all below it take: processor time so far, the largest peak (VmHWM), and its share of memory now. */
function treeOf(
  pid: number,
  shares: boolean,
): { readonly cpuSeconds: number; readonly peakBytes: number; readonly bytes: number } {
  try {
    const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8')
    const bytes = (file: string, name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(read(file))?.[1] ?? 0) * 1024
    // utime, stime, and those of children that have ended: fields 14 to 17, of which two stand before the bracket.
    const ticks = read('stat').split(') ').at(-1)!.split(' ').slice(11, 15).map(Number)
    const below = read(`task/${pid}/children`)
      .trim()
      .split(' ')
      .filter(Boolean)
      .map((child) => treeOf(Number(child), shares))
    const add = (of: (tree: ReturnType<typeof treeOf>) => number) => below.reduce((total, tree) => total + of(tree), 0)
    return {
      cpuSeconds: ticks.reduce((total, part) => total + part, 0) / TICKS_PER_SECOND + add((tree) => tree.cpuSeconds),
      peakBytes: Math.max(bytes('status', 'VmHWM'), ...below.map((tree) => tree.peakBytes)),
      bytes: (shares ? bytes('smaps_rollup', 'Pss') : 0) + add((tree) => tree.bytes),
    }
  } catch {
    return { cpuSeconds: 0, peakBytes: 0, bytes: 0 }
  }
}
