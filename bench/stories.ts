import { readFileSync, writeFileSync } from 'node:fs'
import { randomNumbers } from '../src/data/index.ts'
import type { Session } from '../src/engine/index.ts'

/** A row of a text data set holds as many tokens, the first included. */
const LONGEST = 255
const [START, FIRST_BYTE, LAST_BYTE] = [1, 3, 258]

/**
 * Writes `count` stories to `file`, sampled from a language model with a cache as its own distribution says; `pieces`
 * are the texts of its tokens.
 */
export async function writeStories(
  session: Session,
  pieces: readonly string[],
  file: string,
  { seed, count }: { readonly seed: number; readonly count: number },
): Promise<string> {
  const random = randomNumbers(seed)
  const stories: string[] = []
  for (let i = 0; i < count; i++) stories.push(await tell(session, pieces, random))
  writeFileSync(file, `${stories.join('\n<|endoftext|>\n')}\n`)
  return file
}

/** One story, token by token on a growing cache. */
async function tell(session: Session, pieces: readonly string[], random: () => number): Promise<string> {
  const whole = (value: number) => ({ dtype: 'int64' as const, dims: [1, 1], data: BigInt64Array.of(BigInt(value)) })
  let cache = Object.fromEntries(
    session.inputs.flatMap(({ name, shape }) => {
      if (!name.startsWith('past')) return []
      const dims = shape!.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? 1 : 0))
      return [[name, { dtype: 'float32' as const, dims, data: new Float32Array() }]]
    }),
  )
  let [token, text] = [START, '']
  for (let place = 0; place < LONGEST; place++) {
    const values = await session.run({ input_ids: whole(token), position_ids: whole(place), ...cache })
    cache = Object.fromEntries(
      Object.entries(values).flatMap(([name, value]) =>
        name.startsWith('present') ? [[name.replace('present', 'past_key_values'), value as never]] : [],
      ),
    )
    token = drawn(values.logits!.data as Float32Array, random())
    if (token === START || token === START + 1) break
    text += token >= FIRST_BYTE && token <= LAST_BYTE ? String.fromCharCode(token - FIRST_BYTE) : pieces[token]
  }
  return text.trim()
}

/** The token at which the cumulated softmax passes `share`. */
function drawn(logits: Float32Array, share: number): number {
  const top = logits.reduce((most, value) => Math.max(most, value))
  const weights = logits.map((value) => Math.exp(value - top))
  let left = share * weights.reduce((sum, value) => sum + value, 0)
  const token = weights.findIndex((weight) => (left -= weight) < 0)
  return token < 0 ? weights.length - 1 : token
}

/** The texts of the tokens of a llama2.c vocabulary: the longest length, then score, length and bytes of each. */
export function readPieces(file: string): readonly string[] {
  const bytes = readFileSync(file)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const pieces: string[] = []
  for (let at = 4; at < bytes.length; ) {
    const length = view.getInt32(at + 4, true)
    pieces.push(new TextDecoder().decode(bytes.subarray(at + 8, at + 8 + length)))
    at += 8 + length
  }
  return pieces
}
