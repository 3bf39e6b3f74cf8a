import { type ComparisonReport, grouped } from '../report/index.ts'
import { isSecure, whatCounts } from './assurance.ts'
import { ALWAYS_JUDGED, type Budget, FEWEST_FINALISTS, LATE } from './budget.ts'
import { whyNotProven } from './choice-words.ts'
import { type Choice, chooseByProof, outOfTurn } from './choose.ts'
import { heedEarlierProofs } from './earlier-proofs.ts'
import { type Contender, type Finalists, finalists } from './finalists.ts'
import { gainsShown, whyNotWorthIt } from './lossless-worth.ts'
import type { Pool } from './pool.ts'
import { byPreference, worthMore } from './preference.ts'
import { affordsProof, proofRowsWithin } from './proof-rows.ts'
import { tellApart } from './tell-apart.ts'
import { promising, type Trial, withNoise } from './trial.ts'

/** Finalists that may touch the proof rows. */
const FINALISTS = 4
/** Share of what is left that judging the finalists on all selection rows may take. */
const FINAL_ROWS = 1 / 2

/**
 * Settles who may touch the proof rows, by what the selection rows foretell, proves them in that order and chooses;
 * `apart` tells whether the proof rows were given by themselves, `allTried` whether there was time to build every kind.
 */
export async function prove(
  pool: Pool,
  budget: Budget,
  {
    provenOnly,
    apart,
    allTried,
  }: { readonly provenOnly: boolean; readonly apart: boolean; readonly allTried: boolean },
): Promise<Choice> {
  const { lossless } = pool
  pool.noteHopeless()
  const notWorthIt = lossless ? whyNotWorthIt(pool, lossless) : null
  if (lossless && notWorthIt !== null) pool.note(lossless, notWorthIt)
  const first = lossless && notWorthIt === null ? contenderOf(pool, lossless) : undefined
  const before = first?.figure ?? pool.figureBefore
  const chosenOf = (limit: number) => finalists(contenders(pool), limit, before, provenOnly)
  await judgeSafer(pool)
  await judgeUnrounded(pool)
  await tellApart(pool, budget, contenders(pool))
  const all = pool.proofRows
  pool.proofRows = await proofRowsWithin(pool, budget, [
    ...(first ? [lossless!] : []),
    // Which of them, the odds on so many rows decide: the slowest would take longest.
    ...slowestFirst(contenders(pool).map(({ id }) => pool.get(id))).slice(0, FEWEST_FINALISTS),
  ])
  const fewer = pool.proofRows < all ? { rows: pool.proofRows, of: all } : undefined
  if (fewer) budget.leaveOut(`proving on more than ${grouped(fewer.rows)} of the ${grouped(fewer.of)} proof rows`)
  const most = mostFinalists(pool, budget)
  await judgeOnMoreRows(pool, budget, () => everyFinalist(chosenOf(most)))
  const chosen = chosenOf(most)
  for (const { id } of everyFinalist(chosenOf(FINALISTS)))
    if (!everyFinalist(chosen).some((one) => one.id === id)) budget.leaveOut(`proving ${id}`)
  const proofs = new Map<string, ComparisonReport>()
  const choice = await chooseByProof(
    { ...chosen, sequence: [...(first ? [first] : []), ...chosen.sequence] },
    async (id) => {
      const proof = await proofOf(pool, pool.get(id))
      proofs.set(id, proof)
      return proof
    },
    {
      provenOnly,
      apart,
      lossless: first?.id,
      idle: lossless && !gainsShown(pool, lossless) ? lossless.built.spec.id : undefined,
      unsafe: unsafe(pool)?.built.spec.id,
      untried: untried(pool, allTried),
      unjudged: unjudged(pool),
      timeForMore: (id) => affordsProof(pool, budget, pool.get(id)),
      fewer,
    },
  )
  for (const [id, why] of passedInVain(chosen, proofs, choice)) {
    const trial = pool.get(id)
    const { verdict, grade } = outOfTurn(proofs.get(id)!)
    trial.result = { ...trial.result, verdict, grade }
    pool.note(trial, why)
  }
  for (const [id, proof] of proofs)
    if (decidedAgainst(proof, choice)) pool.note(pool.get(id), whyNotProven(proof, apart))
  const inSequence = chosen.sequence.flatMap(({ id }) => {
    const proof = proofs.get(id)
    return proof ? [{ id, proof }] : []
  })
  const told = await heedEarlierProofs(pool, inSequence, choice)
  if (told) pool.warnings.push(told)
  return choice
}

/**
 * Whether its proof is what kept a finalist from being handed out: what is only close may be where nothing passed, and
 * what is not even that is not.
 */
export function decidedAgainst({ verdict, grade }: ComparisonReport, { proof }: Choice): boolean {
  if (verdict !== 'inconclusive') return verdict === 'regressed'
  return proof === null || proof.verdict === 'pass' || grade === null
}

/** What passed by itself and is not proven all the same, with the reason: it shares α with another, or others failed before it. */
export function passedInVain(
  { sequence, shared }: Finalists,
  proofs: ReadonlyMap<string, ComparisonReport>,
  { ranked }: Choice,
): ReadonlyMap<string, string> {
  const pair = shared ? sequence.slice(-2) : []
  const [failed] = [...proofs].find(([, { verdict }]) => verdict !== 'pass') ?? []
  const counts = (id: string) => ranked.some((one) => one.id === id && one.proof.verdict === 'pass')
  const passed = [...proofs].filter(([id, { verdict }]) => verdict === 'pass' && !counts(id))
  return new Map(
    passed.map(([id]) => [
      id,
      pair.some((one) => one.id === id)
        ? 'passed, but not as surely as the only one of two that does must: at half of α'
        : `passed, but was tried only when ${failed} had failed on the same rows: of many that are tried one may pass by luck, which proves nothing`,
    ]),
  )
}

/** What kept the search from an answer where no candidate was judged, for want of time; undefined where one was. */
export function untried(pool: Pool, allTried: boolean): string | undefined {
  const others = pool.trials.filter((trial) => trial !== pool.lossless)
  if (others.some(({ comparison }) => comparison !== null)) return undefined
  const [best] = pool.inOrder(others.filter((trial) => !pool.hopeless(trial)))
  if (best) return `${best.built.spec.id} was measured to be better in the goal, but there was no time to judge it`
  return allTried ? undefined : 'There was no time to try every kind of candidate, and none of those tried is better'
}

/** How many candidates gain, as far as was measured, and found no time for any row to judge them. */
export function unjudged(pool: Pool): number {
  if (pool.bench.rows.select.indices.length === 0) return 0
  const left = pool.trials.filter(
    (trial) =>
      trial !== pool.lossless &&
      trial.comparison === null &&
      trial.result.p50Ms !== null &&
      !trial.dropped &&
      !pool.hopeless(trial) &&
      !pool.betterAndSafe(trial),
  )
  return left.length
}

/** The best in the goal of those that the selection rows did not allow. */
function unsafe(pool: Pool): Trial | undefined {
  return pool.inOrder(
    pool.trials.filter(
      (trial) =>
        trial !== pool.lossless &&
        trial.result.p50Ms !== null &&
        trial.comparison !== null &&
        !promising(trial) &&
        !pool.hopeless(trial),
    ),
  )[0]
}

/** Whoever the selection rows allow and is worth more than the lossless model, where that fits the goal itself. */
function contenders(pool: Pool): readonly Contender[] {
  const { lossless, bench } = pool
  const selectable = bench.rows.select.indices.length
  return pool.trials
    .filter(
      (trial) =>
        trial !== lossless &&
        !trial.dropped &&
        trial.result.p50Ms !== null &&
        !pool.hopeless(trial) &&
        (trial.comparison === null ? selectable === 0 : promising(trial)) &&
        (!lossless || !pool.fitsGoal(lossless) || worthMore(pool.standing(trial), pool.standing(lossless))),
    )
    .map((trial) => contenderOf(pool, trial))
}

const contenderOf = (pool: Pool, trial: Trial): Contender => ({
  id: trial.built.spec.id,
  ...pool.standing(trial),
  odds: pool.odds(trial),
})

const slowestFirst = (trials: readonly Trial[]) =>
  [...trials].sort((one, other) => (other.result.p50Ms ?? 0) - (one.result.p50Ms ?? 0))

const everyFinalist = ({ sequence, standby }: Finalists) => [...new Set([...sequence, ...standby])]

/**
 * A few rows may have been lucky for the one that all others were left for: where it may well not pass, the next best
 * are looked at as well, until there is a safer one to fall back on.
 */
async function judgeSafer(pool: Pool): Promise<void> {
  const left = pool.inOrder(
    pool.trials.filter((trial) => trial !== pool.lossless && trial.comparison === null && trial.result.p50Ms !== null),
  )
  for (const trial of left.filter((one) => !pool.hopeless(one)).slice(0, ALWAYS_JUDGED)) {
    const judged = contenders(pool)
    const [best] = byPreference(judged)
    const what = whatCounts(judged.map(({ odds }) => odds))
    const safety = ({ odds }: Contender) => odds[what]
    if (!best || isSecure(safety(best)) || judged.some((one) => safety(one) > safety(best))) return
    if (!(await pool.affordsJudging([trial]))) return
    await pool.judgeFirstRows(trial)
  }
}

/** Float32 alone of a file in another type hardly changes an answer: where all that is faster may fail, it may pass. */
export async function judgeUnrounded(pool: Pool): Promise<void> {
  const plain = pool.trials.find(({ built }) => built.spec.unrounded)
  if (!plain || plain.comparison !== null || plain.result.p50Ms === null || pool.hopeless(plain)) return
  if (contenders(pool).some(({ odds }) => isSecure(odds.pass))) return
  if (await pool.affordsJudging([plain])) await pool.judgeFirstRows(plain)
}

/**
 * Finalists that were judged on a few rows, on all of them, or on half or a quarter where there is no time for more: it
 * may show that others should be finalists.
 */
export async function judgeOnMoreRows(pool: Pool, budget: Budget, chosen: () => readonly Contender[]): Promise<void> {
  const rows = pool.bench.rows.select.indices.length
  // Of the rows that a comparison was asked for, those without a score do not count in it.
  const asked = new Map<string, number>()
  const seen = (id: string) => asked.get(id) ?? pool.get(id).comparison?.n ?? rows
  const open = () => chosen().filter(({ id }) => seen(id) < rows)
  const affordable = async (id: string): Promise<number | null> => {
    if (await pool.bench.isJudged(pool.get(id).built, 'select')) return rows
    const more = budget.affordableRows(FINAL_ROWS * budget.left)
    return [rows, rows >> 1, rows >> 2].find((part) => part > seen(id) && part - seen(id) <= more) ?? null
  }
  const next = async (): Promise<boolean> => {
    for (const { id } of open()) {
      const most = await affordable(id)
      if (most === null) continue
      asked.set(id, most)
      await pool.judge(pool.get(id), most)
      return true
    }
    return false
  }
  while (await next());
  for (const { id } of open()) budget.leaveOut(`all selection rows for ${id}`)
}

/**
 * As many as there is time to prove beside the lossless model, or a little more: they are chosen together, and a search
 * has mostly spent its time by then, whereas the proof of a further one takes seconds, and only where those before passed.
 */
export function mostFinalists({ proofRows }: Pick<Pool, 'proofRows'>, budget: Budget): number {
  const rows = budget.affordableRows(budget.leftToProve(0, LATE))
  const proofs = Math.floor(rows / Math.max(1, proofRows))
  return Math.min(FINALISTS, Math.max(FEWEST_FINALISTS, proofs - 1))
}

/**
 * Judges on the proof rows; the verdict takes the place of the one from the selection rows, and what no selection row was
 * spent on, as the lossless model, is heard here alone.
 */
export async function proofOf(
  { bench, proofRows }: Pick<Pool, 'bench' | 'proofRows'>,
  trial: Trial,
): Promise<ComparisonReport> {
  const proof = await bench.judge(trial.built, 'prove', proofRows)
  const result = trial.comparison ? trial.result : withNoise(trial.result, proof)
  trial.result = { ...result, verdict: proof.verdict, grade: proof.grade, provedRows: proof.n }
  return proof
}
