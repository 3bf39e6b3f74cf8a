import { Tokenizer as Encoder } from '@huggingface/tokenizers'
import { UserError } from '../platform/index.ts'
import type { Tokenizer } from './tokenizer.ts'

/**
 * A tokenizer from the bytes of a `tokenizer.json`, and of the `tokenizer_config.json` beside it where there is one. A
 * text begins with what the tokenizer itself puts in front of it, else with its `bos_token`.
 */
export function huggingFaceTokenizer(json: Uint8Array, config: Uint8Array | null, path: string): Tokenizer {
  const settings = config ? parse(config, 'tokenizer_config.json', path) : {}
  const content = parse(json, 'tokenizer.json', path)
  let encoder: Encoder
  try {
    encoder = new Encoder(content, settings)
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw new UserError('bad-data', `"${path}" is no tokenizer that can be read: ${(cause as Error).message}`, {
      where: path,
      hint: 'It should be the tokenizer.json that a Hugging Face model comes with, copied whole.',
      cause,
    })
  }
  const plain = (text: string) => encoder.encode(text, { add_special_tokens: false }).ids
  return {
    path,
    start: firstAdded(encoder) ?? namedStart(settings, plain),
    size: vocabularySize(content),
    encode: plain,
    fingerprint: config ? new Uint8Array([...json, ...config]) : json,
  }
}

/** The token that the tokenizer puts in front of a text; null where it puts none there (T5's only end one). */
function firstAdded(encoder: Encoder): number | null {
  const plain = encoder.encode(PROBE, { add_special_tokens: false }).ids
  const { ids } = encoder.encode(PROBE, { add_special_tokens: true })
  return ids.length > plain.length && ids[0] !== plain[0] ? ids[0]! : null
}

const PROBE = 'a'

/** Word by number in most kinds of model, a list of words with their scores in a Unigram model. */
function vocabularySize(content: object): number {
  const vocabulary = (content as { model?: { vocab?: object } }).model?.vocab ?? {}
  return Object.keys(vocabulary).length
}

function namedStart(settings: object, encode: (text: string) => readonly number[]): number | null {
  const token = (settings as { bos_token?: string | { content?: string } | null }).bos_token
  const text = typeof token === 'string' ? token : token?.content
  const ids = text ? encode(text) : []
  return ids.length === 1 ? ids[0]! : null
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
