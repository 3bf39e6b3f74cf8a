import { Tokenizer as Encoder } from '@huggingface/tokenizers'
import { UserError } from '../platform/index.ts'
import type { PairPart, Tokenizer } from './tokenizer.ts'

/**
 * A tokenizer from the bytes of a `tokenizer.json`, and of the `tokenizer_config.json` beside it where there is one. A
 * text begins with what the tokenizer itself puts in front of it, else with its `bos_token`.
 */
export function huggingFaceTokenizer(json: Uint8Array, config: Uint8Array | null, path: string): Tokenizer {
  const settings = config ? parse(config, 'tokenizer_config.json', path) : {}
  const content = parse(json, 'tokenizer.json', path)
  let encoder: Encoder
  try {
    // The library takes the token for unknown words of a plain list of words from the settings alone.
    encoder = new Encoder(content, { ...settings, ...unknownToken(content) })
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw new UserError('bad-data', `"${path}" is no tokenizer that can be read: ${(cause as Error).message}`, {
      where: path,
      hint: 'It should be the tokenizer.json that a Hugging Face model comes with, copied whole.',
      cause,
    })
  }
  const plain = (text: string) => {
    const { ids, tokens } = encoder.encode(text, { add_special_tokens: false })
    // What has no number would be read as token 0.
    const unknown = tokens.find((_: string, i: number) => ids[i] === undefined)
    if (unknown !== undefined) throw noToken(unknown, path)
    return ids
  }
  const { before, after } = around(encoder, path)
  return {
    path,
    start: before[0] ?? namedStart(encoder, settings),
    before,
    after,
    ...padding(encoder, content, settings),
    mask: maskOf(encoder, settings),
    pair: pairOf(encoder, content, path),
    size: vocabularySize(content),
    encode: plain,
    fingerprint: config ? new Uint8Array([...json, ...config]) : json,
  }
}

/** The tokens that the tokenizer puts before and after a text: those around a mark in its place. */
function around(encoder: Encoder, path: string): Pick<Tokenizer, 'before' | 'after'> {
  const tokens = encoder.post_processor?.post_process([MARK], null, true).tokens ?? [MARK]
  const numbers = (some: readonly string[]) => some.map((token) => requireToken(encoder, token, path))
  const at = tokens.indexOf(MARK)
  return { before: numbers(tokens.slice(0, at)), after: numbers(tokens.slice(at + 1)) }
}

/** No tokens of any vocabulary. */
const MARK = '\0text\0'
const SECOND = '\0second\0'

/** What the tokenizer makes of two texts, told by a mark in the place of each. */
function pairOf(encoder: Encoder, content: object, path: string): readonly PairPart[] {
  const joined = encoder.post_processor?.post_process([MARK], [SECOND], true) ?? { tokens: [MARK, SECOND] }
  const tokens = [...joined.tokens, ...(joined.tokens_pair ?? [])]
  // The library numbers the second text of a RoBERTa 1; those models know of one segment alone.
  const { type } = (content as { post_processor?: { type?: string } | null }).post_processor ?? {}
  const segments = type === 'RobertaProcessing' ? [] : (joined.token_type_ids ?? [])
  return tokens.map((token, place) => ({
    part: token === MARK ? 'first' : token === SECOND ? 'second' : requireToken(encoder, token, path),
    segment: segments[place] ?? 0,
  }))
}

function requireToken(encoder: Encoder, token: string, path: string): number {
  const id = encoder.token_to_id(token)
  if (id !== undefined) return id
  throw new UserError('bad-data', `"${path}" puts "${token}" around texts, and its vocabulary has no such token`, {
    where: path,
    hint: 'It should be the tokenizer.json that a Hugging Face model comes with, copied whole.',
  })
}

/** The token that fills up short rows, as the files say, else by the names that it usually has; masked, it is any. */
function padding(encoder: Encoder, content: object, settings: object): Pick<Tokenizer, 'pad' | 'padsLeft'> {
  const { padding } = content as { padding?: { pad_id?: number; direction?: string } | null }
  const { pad_token, padding_side } = settings as { pad_token?: NamedToken; padding_side?: string }
  const names = [textOf(pad_token), '[PAD]', '<pad>'].filter((name) => name !== undefined)
  const named = names.map((name) => encoder.token_to_id(name)).find((id) => id !== undefined)
  return {
    pad: padding?.pad_id ?? named ?? 0,
    padsLeft: padding?.direction ? padding.direction === 'Left' : padding_side === 'left',
  }
}

/** The token for what is hidden, as the settings say, else by the names that it usually has. */
function maskOf(encoder: Encoder, { mask_token }: { mask_token?: NamedToken }): number | null {
  const names = [textOf(mask_token), '[MASK]', '<mask>'].filter((name) => name !== undefined)
  return names.map((name) => encoder.token_to_id(name)).find((id) => id !== undefined) ?? null
}

/** A token as settings write it. */
type NamedToken = string | { content?: string } | null | undefined

const textOf = (token: NamedToken) => (typeof token === 'string' ? token : token?.content)

function unknownToken(content: object): { unk_token?: string } {
  const token = (content as { model?: { unk_token?: string | null } }).model?.unk_token
  return typeof token === 'string' ? { unk_token: token } : {}
}

const noToken = (word: string, path: string) =>
  new UserError('bad-data', `"${path}" knows no token for "${word}", and none for what it does not know`, {
    where: path,
    hint: 'Is it the tokenizer of this model? Its unk_token must be a word of its vocabulary, or the text must do with the words that are.',
  })

/** Word by number in most kinds of model, a list of words with their scores in a Unigram model. */
function vocabularySize(content: object): number {
  const vocabulary = (content as { model?: { vocab?: object } }).model?.vocab ?? {}
  return Object.keys(vocabulary).length
}

function namedStart(encoder: Encoder, settings: object): number | null {
  const token = textOf((settings as { bos_token?: NamedToken }).bos_token)
  return token === undefined ? null : (encoder.token_to_id(token) ?? null)
}

function parse(bytes: Uint8Array, name: string, path: string): object {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new UserError('bad-data', `the ${name} at "${path}" is not JSON`, {
      where: path,
      hint: 'Copy it again, whole, from where the model came from.',
      cause,
    })
  }
}
