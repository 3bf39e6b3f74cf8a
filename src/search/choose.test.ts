import { expect, test } from 'vitest'
import type { ComparisonReport } from '../report/index.ts'
import { randomSource, tango } from '../statistics/index.ts'
import { whyNotProven } from './choice-words.ts'
import { chooseByProof } from './choose.ts'
import { staged } from './staged-kit.ts'

const ALPHA = 0.05

/** Two that share α, with these p-values on the proof rows. */
const choose = (slow: number, fast: number) => {
  const sequence = ['slow', 'fast'].map((id, i) => ({
    id,
    figure: 1 - i / 2,
    bytes: 100,
    odds: { pass: 0.5, passAtHalf: 0.4, close: 0 },
  }))
  const prove = async (id: string) => {
    const p = id === 'slow' ? slow : fast
    return staged<ComparisonReport>({
      verdict: p < ALPHA ? 'pass' : 'inconclusive',
      grade: p < ALPHA ? 'proven' : null,
      alpha: ALPHA,
      nonInferiority: { margin: 0.01, z: 0, p, ci: [0, 0], lowerBound: 0 },
    })
  }
  return chooseByProof({ sequence, shared: true, standby: [], reserve: [] }, prove, { provenOnly: true })
}

test('of two that share α, a worse one is handed out as seldom as α says, however they hang together', async () => {
  const source = randomSource(11)
  const draws = 4000
  const share = async (draw: () => readonly [number, number]) => {
    let handedOut = 0
    for (let i = 0; i < draws; i++) if ((await choose(...draw())).id !== 'original') handedOut++
    return handedOut / draws
  }
  // Four standard errors of a share of 5 %.
  const most = ALPHA + 4 * Math.sqrt((ALPHA * (1 - ALPHA)) / draws)
  expect(await share(() => [source.uniform(), source.uniform()])).toBeLessThan(most)
  const opposed = await share(() => {
    const p = source.uniform()
    return [p, 1 - p]
  })
  expect(opposed).toBeLessThan(most)
  // All of α is used: what fails takes nothing from the other.
  expect(opposed).toBeGreaterThan(0.7 * ALPHA)
  const alike = await share(() => {
    const p = source.uniform()
    return [p, p]
  })
  expect(alike).toBeLessThan(most)
  expect(alike).toBeGreaterThan(0.7 * ALPHA)
})

test('two forms of one model that are both worse by the margin share α, whatever rows they lose', async () => {
  const source = randomSource(5)
  const [n, margin, draws] = [300, 0.01, 3000]
  // Shares of the rows that both lose, each alone, and that one loses where the other gains.
  for (const [both, own, crossed] of [
    [0.01, 0, 0],
    [0, 0.01, 0],
    [0, 0.01, 0.01],
  ] as const) {
    let handedOut = 0
    for (let i = 0; i < draws; i++) {
      const [lost, gained] = [
        [0, 0],
        [0, 0],
      ]
      for (let row = 0; row < n; row++) {
        const at = source.uniform()
        const who = Math.floor((at - both) / (own + crossed))
        const crossing = (at - both) % (own + crossed) > own
        if (at < both) {
          lost[0]!++
          lost[1]!++
        } else if (who < 2) {
          lost[who]!++
          if (crossing) gained[1 - who]!++
        }
      }
      const p = [0, 1].map((i) => tango({ baseOnly: lost[i]!, candidateOnly: gained[i]!, n, margin, alpha: ALPHA }).p)
      if ((await choose(p[0]!, p[1]!)).id !== 'original') handedOut++
    }
    expect(handedOut / draws).toBeLessThan(ALPHA + 4 * Math.sqrt((ALPHA * (1 - ALPHA)) / draws))
  }
})

test('who asked for proven models alone is told how many rows prove one', async () => {
  const few = staged<ComparisonReport>({
    verdict: 'inconclusive',
    grade: 'close',
    labelled: true,
    n: 40,
    requiredN: 268,
  })
  const sequence = [{ id: 'fast', figure: 0.5, bytes: 100, odds: { pass: 0.5, passAtHalf: 0.4, close: 0.5 } }]
  const reason = async (more: { readonly apart?: boolean; readonly fewer?: { rows: number; of: number } }) => {
    const finalists = { sequence, shared: false, standby: [], reserve: [] }
    return (await chooseByProof(finalists, async () => few, { provenOnly: true, ...more })).reason
  }
  const asked = 'only proven models were asked for.'
  expect(await reason({})).toContain(`${asked} About 268 rows to prove on, 536 in all, would settle it.`)
  expect(await reason({ apart: true })).toContain(`${asked} About 268 rows would settle it.`)
  expect(await reason({ fewer: { rows: 40, of: 1200 } })).toContain(`${asked} More time (--time)`)
})

test('of two that share α, both pass at α together, and one alone at half of it, which is told', async () => {
  expect((await choose(0.2, 0.01)).id).toBe('fast')
  expect((await choose(0.01, 0.04)).ranked.map(({ id }) => id)).toEqual(['fast', 'slow'])
  expect((await choose(0.04, 0.01)).ranked.map(({ id }) => id)).toEqual(['fast', 'slow'])
  expect((await choose(0.01, 0.2)).reason).toMatch(/^slow was the best .* fast, which gains more, was not proven/)
  // Neither is sure enough alone; both together are.
  expect((await choose(0.049, 0.04)).id).toBe('fast')
  expect((await choose(0.2, 0.04)).id).toBe('original')
  expect((await choose(0.04, 0.2)).id).toBe('original')
})

test('what ended the sequence gains more only where it is better than what is handed out by more than timing can tell', async () => {
  const odds = { pass: 0.5, passAtHalf: 0.4, close: 0.5 }
  const reason = async (interval: readonly [number, number], figure: number) => {
    const proven = { id: 'proven', figure: 0.52, interval: [0.5, 0.53] as const, bytes: 100, odds }
    const sequence = [proven, { id: 'stopped', figure, interval, bytes: 100, odds }]
    const prove = async (id: string) =>
      staged<ComparisonReport>(
        id === 'proven'
          ? { verdict: 'pass', grade: 'proven', labelled: true }
          : { verdict: 'inconclusive', grade: null },
      )
    const finalists = { sequence, shared: false, standby: [], reserve: [] }
    return (await chooseByProof(finalists, prove, { provenOnly: false })).reason
  }
  // Slower by its median, of an interval that holds the other: a tie.
  expect(await reason([0.46, 0.64], 0.54)).toContain('stopped, which gains about as much, was not proven')
  expect(await reason([0.46, 0.64], 0.51)).toContain('stopped, which gains about as much, was not proven')
  expect(await reason([0.39, 0.41], 0.4)).toContain('stopped, which gains more, was not proven')
})

test('what the proof rows showed to be worse is named where the original or a close one is handed out', async () => {
  const chosen = (verdicts: Readonly<Record<string, 'regressed' | 'inconclusive'>>, provenOnly = false) => {
    const odds = { pass: 0.5, passAtHalf: 0.4, close: 0.5 }
    const sequence = Object.keys(verdicts).map((id, i) => ({ id, figure: 1 / (i + 2), bytes: 100, odds }))
    const prove = async (id: string) => {
      const verdict = verdicts[id]!
      return staged<ComparisonReport>({ verdict, grade: verdict === 'regressed' ? null : 'close' })
    }
    return chooseByProof({ sequence, shared: false, standby: [], reserve: [] }, prove, { provenOnly })
  }
  const none = await chosen({ fast: 'regressed' })
  expect([none.id, none.reason]).toEqual(['original', expect.stringMatching(/worse on the proof rows: fast\.$/)])
  expect((await chosen({ fast: 'regressed' }, true)).reason).toMatch(/worse on the proof rows: fast\.$/)
  const close = await chosen({ slow: 'inconclusive', fast: 'regressed' })
  expect(close.id).toBe('slow')
  expect(close.reason).toMatch(/worse on the proof rows: fast\./)
  expect((await chosen({ slow: 'inconclusive' })).reason).not.toMatch(/worse/)
})

test('where none on standby stays close on the proof rows, those in reserve are proven until one does', async () => {
  const contender = (id: string, figure: number) => ({
    ...{ id, figure, bytes: 100 },
    odds: { pass: 0, passAtHalf: 0, close: 0.9 },
  })
  const chosen = async (time: boolean, closeOnes: readonly string[], lossless?: string) => {
    const proven: string[] = []
    const [fast] = [contender('fast', 0.9)]
    const choice = await chooseByProof(
      {
        sequence: [...(lossless ? [contender(lossless, 0.995)] : []), fast],
        shared: false,
        standby: [fast],
        reserve: [contender('quiet', 0.96), contender('slow', 0.99)],
      },
      async (id) => {
        proven.push(id)
        const grade = closeOnes.includes(id) ? 'close' : null
        return staged<ComparisonReport>({ verdict: 'inconclusive', grade, n: 30, requiredN: 300, labelled: true })
      },
      { provenOnly: false, timeForMore: () => time, lossless },
    )
    return [choice.id, proven]
  }
  expect(await chosen(true, ['quiet', 'slow'])).toEqual(['quiet', ['fast', 'quiet']])
  expect(await chosen(true, ['fast', 'quiet'])).toEqual(['fast', ['fast']])
  expect(await chosen(true, [])).toEqual(['original', ['fast', 'quiet', 'slow']])
  expect(await chosen(false, ['quiet'])).toEqual(['original', ['fast']])
  // The lossless model is close by what it is, and no reason to leave them.
  const all = ['lossless', 'quiet', 'slow']
  expect(await chosen(true, all, 'lossless')).toEqual(['quiet', ['lossless', 'fast', 'quiet']])
  expect(await chosen(false, all, 'lossless')).toEqual(['lossless', ['lossless', 'fast']])
})

test('a pass behind one that failed proves nothing, and keeps no candidate from being handed out as close', async () => {
  const contender = (id: string, figure: number) => ({
    ...{ id, figure, bytes: 100 },
    odds: { pass: 0.5, passAtHalf: 0.4, close: 0.9 },
  })
  const [fast, slow] = [contender('fast', 0.5), contender('slow', 0.6)]
  const chosen = (fastIs: 'close' | null, slowKeeps: number) =>
    chooseByProof(
      { sequence: [fast], shared: false, standby: [slow], reserve: [] },
      async (id) => {
        const outputs = [{ name: 'y', sqnrDb: id === 'slow' ? slowKeeps : 20, maxAbs: 1 }]
        const passed = id === 'slow'
        return staged<ComparisonReport>({
          ...{ n: 350, requiredN: passed ? null : 354, labelled: true, agreement: null, outputs },
          verdict: passed ? 'pass' : 'inconclusive',
          grade: passed ? 'proven' : fastIs,
        })
      },
      { provenOnly: false },
    )
  expect(await chosen('close', 30)).toMatchObject({ id: 'fast', ranked: [{ id: 'fast' }, { id: 'slow' }] })
  const lucky = await chosen(null, 30)
  expect(lucky).toMatchObject({
    id: 'slow',
    proof: { verdict: 'inconclusive', grade: 'close', requiredN: 350 },
    reason: expect.stringContaining('cannot prove any candidate'),
  })
  expect((await chosen(null, 20)).id).toBe('original')
})

test('a proof on fewer rows, for want of time, does not blame the rows that were given', async () => {
  const odds = { pass: 0, passAtHalf: 0, close: 0.9 }
  const close = staged<ComparisonReport>({
    ...{ verdict: 'inconclusive', grade: 'close', n: 40, requiredN: 268, labelled: true },
  })
  const { reason } = await chooseByProof(
    { sequence: [{ id: 'int8', figure: 0.5, bytes: 100, odds }], shared: false, standby: [], reserve: [] },
    async () => close,
    { provenOnly: false, fewer: { rows: 40, of: 1200 } },
  )
  expect(reason).toMatch(/^The 40 of 1,200 proof rows that there was time for cannot prove any candidate/)
})

test('a gain that was not shown is none', async () => {
  const odds = { pass: 0.5, passAtHalf: 0.4, close: 0.5 }
  const sequence = [{ id: 'lossless', figure: 1, bytes: 100, odds }]
  const chosen = (proof: object, more = {}) =>
    chooseByProof(
      { sequence, shared: false, standby: [], reserve: [] },
      async () => ({ labelled: true, n: 30, ...proof }) as ComparisonReport,
      { provenOnly: false, idle: 'lossless', ...more },
    )
  const { reason } = await chosen({ verdict: 'pass', grade: 'proven', requiredN: null })
  expect(reason).toMatch(/^Nothing that is clearly better passed the proof; lossless did/)
})

test('what ended the sequence is told, and not who was tried behind it', async () => {
  const odds = { pass: 0.5, passAtHalf: 0.4, close: 0.5 }
  const [lossless, fast, other] = ['lossless', 'fast', 'other'].map((id, i) => ({
    id,
    figure: 1 / (i + 1),
    bytes: 100,
    odds,
  }))
  const choose = (labelled: boolean, grade: 'close' | null) =>
    chooseByProof(
      { sequence: [lossless!, fast!], shared: false, standby: [], reserve: [other!] },
      async (id) =>
        ({
          ...{ verdict: id === 'lossless' ? 'pass' : 'inconclusive', grade: id === 'lossless' ? 'proven' : grade },
          ...{ requiredN: null, labelled },
        }) as ComparisonReport,
      { provenOnly: false, idle: 'lossless' },
    )
  expect((await choose(false, null)).reason).toMatch(/ On the proof rows fast, which gains more, was not proven\.$/)
  // With labels what is proven stands: whoever would take what is close is told where it is.
  const { id, reason } = await choose(true, 'close')
  expect(id).toBe('lossless')
  expect(reason).toMatch(/; it stays close to the original, and is kept among the candidates\.$/)
})

test('why a finalist was not proven is told by the figures of the proof rows', () => {
  const proof = (more: object) =>
    staged<ComparisonReport>({
      metric: 'top1',
      n: 1200,
      requiredN: null,
      labelled: true,
      grade: 'close',
      ...more,
    })
  const scored = proof({ verdict: 'regressed', base: { value: 0.925 }, candidate: { value: 0.9 }, agreement: null })
  expect(whyNotProven(scored, false)).toBe('found to be worse on the 1,200 proof rows: top1 0.9 against 0.925')
  const unlabelled = { base: { value: null }, candidate: { value: null }, agreement: { changed: 7 } }
  expect(whyNotProven(proof({ verdict: 'inconclusive', ...unlabelled }), false)).toBe(
    'not proven on the 1,200 proof rows: 7 answers changed',
  )
  const outputs = [31.2, 22.14, 24.9, null].map((sqnrDb, i) => ({ name: `y${i}`, sqnrDb }))
  const far = proof({ verdict: 'inconclusive', grade: null, outputs, ...unlabelled })
  expect(whyNotProven(far, false)).toBe(
    'not proven on the 1,200 proof rows: 7 answers changed, y1 keeps 22.1 dB of signal over difference where 25 are asked for',
  )
})

test('what may be handed out: nobody of none, the reserve where nobody else is, and nothing that lost', async () => {
  const contender = (id: string, figure: number) => ({
    ...{ id, figure, bytes: 100 },
    odds: { pass: 0.5, passAtHalf: 0.4, close: 0.9 },
  })
  const [safe, slow, fast] = [contender('safe', 0.7), contender('slow', 0.6), contender('fast', 0.5)]
  const none = { sequence: [], shared: false, standby: [], reserve: [] }
  const proofs = {
    pass: { verdict: 'pass', grade: 'proven', requiredN: null, alpha: 0.05, nonInferiority: { p: 0.01 } },
    close: { verdict: 'inconclusive', grade: 'close', requiredN: 300 },
    far: { verdict: 'inconclusive', grade: null, requiredN: 300 },
    lost: { verdict: 'regressed', grade: 'close', requiredN: null },
  } as const
  const chosen = async (
    finalists: Partial<Parameters<typeof chooseByProof>[0]>,
    results: Readonly<Record<string, keyof typeof proofs>>,
    options: Partial<Parameters<typeof chooseByProof>[2]> = {},
  ) => {
    const tried: string[] = []
    const prove = async (id: string) => {
      tried.push(id)
      return staged<ComparisonReport>({ n: 30, labelled: false, ...proofs[results[id]!] })
    }
    const choice = await chooseByProof({ ...none, ...finalists }, prove, { provenOnly: false, ...options })
    return { ...choice, tried, ranked: choice.ranked.map(({ id }) => id) }
  }
  expect(await chosen({}, {})).toMatchObject({
    id: 'original',
    tried: [],
    reason: expect.stringMatching(/^No candidate/),
  })
  expect((await chosen({}, {}, { untried: 'There was no time' })).reason).toBe(
    'There was no time. Give it more time (--time).',
  )
  expect((await chosen({}, {}, { unsafe: 'int8' })).reason).toMatch(/^int8 gains, but/)
  // Candidates that nobody looked at may be what is wanted: that asks for time, and not for rows.
  const late = { unjudged: 5 }
  expect((await chosen({}, {}, { unsafe: 'int8', unjudged: 1 })).reason).toBe(
    'int8 gains, but on the selection rows neither it nor any other that was judged stayed close enough to the original. 1 candidate that gains was not judged before the time was up: give it more (--time).',
  )
  const fits = / 5 candidates that gain were not judged before the time was up: give it more \(--time\)\.$/
  expect((await chosen({ sequence: [fast] }, { fast: 'lost' }, late)).reason).toMatch(fits)
  const [open, only] = [await chosen({ sequence: [fast] }, { fast: 'far' }, late), { ...late, provenOnly: true }]
  expect(open.reason).toMatch(fits)
  expect(open.reason).not.toContain('would settle it')
  expect((await chosen({ sequence: [fast] }, { fast: 'close' }, only)).reason).toMatch(fits)
  expect((await chosen({ sequence: [fast] }, { fast: 'far' })).reason).toMatch(/ 300 rows .*would settle it\.$/)
  expect(await chosen({ reserve: [slow] }, { slow: 'close' })).toMatchObject({ id: 'slow', tried: ['slow'] })
  expect((await chosen({ sequence: [fast] }, { fast: 'lost' })).id).toBe('original')
  // The last one passed: nothing stopped the sequence.
  expect(await chosen({ sequence: [slow, fast] }, { slow: 'pass', fast: 'pass' })).toMatchObject({
    ...{ id: 'fast', ranked: ['fast', 'slow'], reason: 'fast was the best of those that passed the proof.' },
  })
  // Who asked for proven models gets no close one either where the proven one turns out slower.
  const stopped = [{ sequence: [slow, fast] }, { slow: 'pass', fast: 'close' }] as const
  expect((await chosen(...stopped)).ranked).toEqual(['slow', 'fast'])
  expect((await chosen(...stopped, { provenOnly: true })).ranked).toEqual(['slow'])
  // … and what was proven and gains nothing rather than the original.
  const idle = { provenOnly: true, idle: 'slow' }
  expect((await chosen({ sequence: [slow, fast] }, { slow: 'pass', fast: 'close' }, idle)).id).toBe('slow')
  // Two that share α do so behind the first, which ends the sequence as ever.
  const three = { sequence: [safe, slow, fast], shared: true }
  expect((await chosen(three, { safe: 'pass', slow: 'pass', fast: 'pass' })).ranked).toEqual(['fast', 'slow', 'safe'])
  expect(await chosen(three, { safe: 'lost' }, { provenOnly: true })).toMatchObject({ id: 'original', tried: ['safe'] })
})
