import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomNumbers } from '../src/data/index.ts'
import type { IncidentReport } from '../src/report/index.ts'
import type { KeptBody } from '../src/serve/rollout/active.ts'
import type { Route } from '../src/serve/router.ts'
import type { AuditEntry, KeptRollout, LiveVersion } from '../src/state/index.ts'
import { isProgram, reportKills, startWorker } from './killed-worker.ts'

interface KillRun {
  readonly kills: number
  readonly seed: number
  /** A PostgreSQL to write to, with nothing else in it; without one, the embedded one in a folder of its own. */
  readonly database?: string
  readonly onKill?: (kill: number, confirmed: number) => void
}

/** What a server finds when it starts again, and where it then sends a request. */
interface Found {
  readonly found: {
    readonly rollouts: readonly (Omit<KeptRollout, 'body'> & { readonly body: KeptBody })[]
    readonly incidents: readonly IncidentReport[]
    readonly live: readonly LiveVersion[]
    readonly audit: { readonly entries: readonly AuditEntry[]; readonly brokenAt: number | null }
  }
  readonly routed: Route
}
type Line = Found | { readonly started: string } | { readonly ended: string; readonly state: string }

/**
 * Kills (SIGKILL) a process that starts, judges and ends rollouts, at random moments: every fourth while it starts,
 * which for the first of all is while the database is made. The next one finds each rollout before or after the act
 * that was under way, whole: with its incident, the version that is live and the entries of the audit log, and with
 * everything that had been confirmed. What is wrong, a sentence each.
 *
 * After ten kills the embedded database is made anew, and a process works for 0.6 s at most: each start reads every
 * rollout before it, and a hundred kills on one database left 100,000 of them, 1.6 GB, and starts that read for longer
 * than they were given, so that the kills hit nothing else any more.
 */
export async function killRun({ kills, seed, database, onKill }: KillRun): Promise<readonly string[]> {
  const place = mkdtempSync(join(tmpdir(), 'whet-rollout-kills-'))
  const confirmed = new Map<string, string>()
  const problems: string[] = []
  const random = randomNumbers(seed)
  let rollouts = 0
  for (let kill = 1; kill <= kills; kill++) {
    const share = random()
    const at = database ?? join(place, `state-${Math.ceil(kill / KILLS_OF_ONE)}`)
    const life = (when: 'starting' | 'working' | 'found') => {
      const before = new Map(confirmed)
      return killed([at, String(share * 2 ** 32)], when, share, (line) => {
        if ('found' in line) {
          problems.push(...wrongIn(line, before).map((text) => `before kill ${kill}, seed ${seed}: ${text}`))
          for (const { id, state } of line.found.rollouts) confirmed.set(id, state)
        } else if ('started' in line) confirmed.set(line.started, 'running')
        else confirmed.set(line.ended, line.state)
      })
    }
    await life(kill % 4 === 1 ? 'starting' : 'working')
    if (kill % KILLS_OF_ONE === 0 || kill === kills) {
      // What the last kill left is only looked at.
      await life('found')
      rollouts += confirmed.size
      if (!database) confirmed.clear()
    }
    onKill?.(kill, rollouts + confirmed.size)
  }
  if (problems.length === 0) rmSync(place, { recursive: true })
  return problems
}

/** Kills that one embedded database is looked at after. */
const KILLS_OF_ONE = 10
/** Milliseconds: a start, and a few rollouts. */
const LONGEST_START_MS = 4000
const LONGEST_WORK_MS = 600

/** Runs the worker until it is killed: a share of the longest time after it was started, or began to work. */
function killed(
  words: readonly string[],
  when: 'starting' | 'working' | 'found',
  share: number,
  onLine: (line: Line) => void,
): Promise<void> {
  const { stdout, kill, ended } = startWorker('rollout-kill-worker', words)
  if (when === 'starting') setTimeout(kill, share * LONGEST_START_MS)
  let text = ''
  stdout.on('data', (chunk: Buffer) => {
    const lines = (text + chunk.toString()).split('\n')
    text = lines.pop()!
    for (const line of lines.map((one) => JSON.parse(one) as Line)) {
      onLine(line)
      if ('found' in line) setTimeout(kill, when === 'found' ? 0 : share * LONGEST_WORK_MS)
    }
  })
  return ended
}

/** Holds what was found against the two states that each rollout may be in, and what had been confirmed. */
function wrongIn({ found, routed }: Found, confirmed: ReadonlyMap<string, string>): readonly string[] {
  const { rollouts, incidents, live, audit } = found
  const wrong: string[] = []
  const say = (holds: boolean, text: string) => {
    if (!holds) wrong.push(text)
  }
  say(audit.brokenAt === null, `the audit log breaks at entry ${audit.brokenAt}`)
  const acts = audit.entries.map(({ act, detail }) => `${(detail as { rollout: string }).rollout} ${act}`)
  const expected: string[] = []
  for (const { id, state, body } of rollouts) {
    const ended = state !== 'running'
    say(body.state.state === state, `${id} is ${state} outside and ${body.state.state} inside`)
    say((body.ended !== null) === ended, `${id} is ${state} and ended at ${body.ended}`)
    const own = incidents.filter(({ rollout }) => rollout === id).map(({ id: incident }) => incident)
    const due = state === 'rolled-back' ? [body.incident] : []
    say(JSON.stringify(own) === JSON.stringify(due), `${id} is ${state} with the incidents ${own}`)
    expected.push(`${id} rollout-start`, ...(ended ? [`${id} rollout-${state}`] : []))
  }
  say(
    [...acts].sort().join() === expected.sort().join(),
    `the audit log has ${acts.length} acts, not ${expected.length}`,
  )
  say(
    incidents.every(({ rollout }) => rollouts.some(({ id }) => id === rollout)),
    'an incident without its rollout',
  )

  const known = new Map(rollouts.map(({ id, state }) => [id, state]))
  let moved = 0
  for (const [id, state] of confirmed) {
    const now = known.get(id)
    say(now !== undefined && (state === 'running' || now === state), `${id} was ${state}, and is ${now}`)
    if (state !== now) moved++
  }
  // The act that was under way, and no more: an end that was not confirmed, or a start.
  moved += rollouts.filter(({ id }) => !confirmed.has(id)).length
  say(moved <= 1, `${moved} rollouts differ from what was confirmed`)

  const [last] = [...rollouts].sort((a, b) => number(b) - number(a))
  if (!last) return wrong
  const answers = last.state === 'promoted' ? last.body.candidate.version : last.body.base.version
  say(live.length === 1 && live[0]!.version === answers, `${live[0]?.version} is live, not ${answers}`)
  const shadows = last.state === 'running' ? [last.body.candidate.version] : []
  say(
    routed.version === answers && JSON.stringify(routed.shadows ?? []) === JSON.stringify(shadows),
    `requests go to ${JSON.stringify(routed)}, not ${answers} with the shadows ${JSON.stringify(shadows)}`,
  )
  return wrong
}

/** Candidates count upwards. */
const number = ({ body }: { readonly body: KeptBody }) => Number(body.candidate.version)

// Run by itself: node --import ./scripts/typescript-hooks.mjs bench/rollout-kills.ts [KILLS] [SEED] [DATABASE]
if (isProgram(import.meta.url)) {
  const database = process.argv[4]
  await reportKills('rollouts', (asked) => killRun({ ...asked, ...(database ? { database } : {}) }))
}
