import { expect, test } from 'vitest'
import type { IsolatedSession } from '../../engine/index.ts'
import { inTwoProcesses } from './two-processes.ts'

const feeds = { x: { dtype: 'float32', dims: [1], data: Float32Array.of(1) } } as const

/** Sessions that answer when told to, and what became of them. */
function processes() {
  const log: string[] = []
  const answers: (() => void)[] = []
  const open = (name: string) =>
    ({
      loadMs: 0,
      run: () =>
        new Promise((resolve) => {
          log.push(`${name} runs`)
          answers.push(() => resolve({ y: { dtype: 'float32', dims: [1], data: Float32Array.of(1) } }))
        }),
      giveBack: () => log.push(`${name} has it back`),
      close: async () => void log.push(`${name} closes`),
    }) as unknown as IsolatedSession
  return { log, open, answerAll: () => answers.splice(0).map((answer) => answer()) }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 2))

test('rows run in two processes once one has run for as long as it took to load, and results go back where they came from', async () => {
  const { log, open, answerAll } = processes()
  const session = inTwoProcesses(
    open('first'),
    async () => open('second'),
    () => true,
  )
  const runTwo = async () => {
    const runs = [session.run(feeds), session.run(feeds)]
    await turn()
    answerAll()
    return Promise.all(runs)
  }
  await runTwo()
  expect(log.splice(0)).toEqual(['first runs', 'first runs'])
  await runTwo()
  // Asked for with the first of these, it is there from then on.
  log.length = 0
  const fetched = await runTwo()
  expect(log.splice(0)).toEqual(['first runs', 'second runs'])
  for (const one of fetched) session.giveBack!(one)
  expect(log.splice(0)).toEqual(['first has it back', 'second has it back'])
  await session.close()
  expect(log).toEqual(['first closes', 'second closes'])
})

test('beside another candidate it stays in one process, as where the second cannot be started', async () => {
  for (const [alone, opened] of [
    [false, 0],
    [true, 1],
  ] as const) {
    const { log, open, answerAll } = processes()
    let tries = 0
    const fails = async (): Promise<IsolatedSession> => {
      tries++
      throw new Error('no memory')
    }
    const session = inTwoProcesses(open('first'), fails, () => alone)
    for (let i = 0; i < 3; i++) {
      const runs = [session.run(feeds), session.run(feeds)]
      await turn()
      answerAll()
      await Promise.all(runs)
    }
    expect(tries).toBe(opened)
    expect(new Set(log)).toEqual(new Set(['first runs']))
    await session.close()
    expect(log.at(-1)).toBe('first closes')
  }
})
