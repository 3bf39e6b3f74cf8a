import { expect, test } from 'vitest'
import { memoryDataset } from '../../data/index.ts'
import { type Feeds, type Session, startRuntimes } from '../../engine/index.ts'
import { parseModel } from '../../ir/index.ts'
import { OpenSessions } from '../open-sessions.ts'
import { expectedOf, FEW_SAMPLES, proveLossless } from './prove-equal.ts'

const port = { name: 'x', dtype: 'float32', shape: [1, 3] } as const
const model = parseModel(
  '<ir_version: 8, opset_import: ["" : 17]> g (float[1,3] x) => (float[1,3] y) { y = Identity(x) }',
)

/** A session that gives what it gets, when `answers` lets it. */
const giving = (answers: (feeds: Feeds) => Promise<unknown>): Session => ({
  inputs: [port],
  outputs: [{ ...port, name: 'y' }],
  engine: 'none',
  async run(feeds) {
    await answers(feeds)
    return { y: feeds.x! }
  },
  fetchGroups: async () => [],
  close: async () => {},
})

/** What was made of the model is this session. */
class Opening extends OpenSessions {
  readonly #session: Session

  constructor(session: Session) {
    super(startRuntimes(0))
    this.#session = session
  }

  override open() {
    return this.start(Promise.resolve(this.#session as Awaited<ReturnType<OpenSessions['open']>>))
  }
}

test('what was rewritten is asked the rows while the original still tries random inputs', async () => {
  const x = { dtype: 'float32', dims: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) } as const
  const data = await memoryDataset({ x }, { inputs: [port] })
  const options = { data, ...FEW_SAMPLES }
  const asked: Feeds[] = []
  let hearRows = () => {}
  const rowsAsked = new Promise<void>((resolve) => {
    hearRows = resolve
  })
  const isRow = ({ x }: Feeds) => [1, 4].includes(Number(x!.data[0]))
  const original = giving(async (feeds) => (isRow(feeds) ? undefined : rowsAsked))
  const rewritten = giving(async (feeds) => {
    asked.push(feeds)
    if (asked.length === 2) hearRows()
  })
  const expected = expectedOf(original, options)
  await proveLossless(new Opening(rewritten), model, model, Promise.resolve(expected))
  expect(asked.map(isRow)).toEqual([true, true, false])
})
