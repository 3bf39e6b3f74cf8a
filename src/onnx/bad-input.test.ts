import { closeSync, linkSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema, type TensorProtoSchema } from 'onnx-buf'
import { beforeAll, describe, expect, test } from 'vitest'
import { tensorBytes } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { decodeModel, encodeModel, readModel } from './index.ts'

const latin1 = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

/** The error of decoding, with everything that a user needs. */
function refusal(bytes: Uint8Array, baseDir?: string): UserError {
  try {
    decodeModel(bytes, { path: 'm.onnx', ...(baseDir === undefined ? {} : { baseDir }) })
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    const { code, message, where, hint } = error as UserError
    expect([code, message.length > 0, where?.startsWith('m.onnx'), (hint ?? '').length > 0]).toEqual([
      'bad-model',
      true,
      true,
      true,
    ])
    return error as UserError
  }
  throw new Error('the file was read without an error')
}

const withTensor = (tensor: MessageInitShape<typeof TensorProtoSchema>) =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ domain: '', version: 17n }],
      graph: { name: 'g', initializer: [{ name: 'w', ...tensor }] },
    }),
  )

describe('files of other kinds are refused with what they are and what to do', () => {
  test.each([
    ['an empty file', '', /empty/, /export/],
    ['a JPEG', '\xff\xd8\xff\xe0\x00\x10JFIF', /JPEG/, /name a model/],
    ['a PNG', '\x89PNG\r\n\x1a\n', /PNG/, /name a model/],
    [
      'PyTorch, zipped',
      `PK\x03\x04${'\0'.repeat(26)}model/data.pkl`,
      /PyTorch/,
      /^load it in Python, then: torch\.onnx\.export\(.*\)$/,
    ],
    [
      'PyTorch, pickled',
      '\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.',
      /PyTorch/,
      /^load it in Python, then: torch\.onnx\.export\(.*\)$/,
    ],
    ['a pickle with a class of PyTorch', '\x80\x02}q\0X\x01\0\0\0wctorch._utils\n', /PyTorch/, /torch\.onnx\.export/],
    ['a pickle of arrays', '\x80\x04\x95\xa1\0\0\0\0\0\0\0\x8c\x16numpy._core.multiarray', /Python pickle/, /savez/],
    ['scikit-learn', '\x80\x04\x95\x1d\0\0\0\0\0\0\0\x8c\x14sklearn.linear_model', /scikit-learn/, /skl2onnx/],
    ['TensorFlow Lite', '\x1c\0\0\0TFL3\x14\0', /TensorFlow Lite/, /tf2onnx\.convert --tflite/],
    ['safetensors', '\x40\0\0\0\0\0\0\0{"weight":{"dtype":"F32"', /safetensors/, /optimum-cli export onnx/],
    ['GGUF', 'GGUF\x03\0\0\0', /GGUF/, /optimum-cli export onnx/],
    ['Keras HDF5', '\x89HDF\r\n\x1a\n', /Keras/, /tf2onnx/],
    ['Git LFS', 'version https://git-lfs.github.com/spec/v1\n', /Git LFS/, /git lfs pull/],
    ['a web page', '<!DOCTYPE html><html>', /web page/, /download/],
    ['a TensorFlow graph', '\n\x20\n\x05Const\x12\x05Const\x22\0', /TensorFlow graph/, /tf2onnx\.convert --graphdef/],
    ['a table', 'area,rooms,price\n30.5,2,199\n', /text, such as a table/, /rows are data/],
    ['a table with letters of every land', 'Größe;É;\xe2\x82\xac\n1;2;3\n', /text, such as a table/, /rows are data/],
    ['a sound', 'RIFF\x24\0\0\0WAVEfmt ', /sound/, /name a model/],
    ['Core ML', '\x08\x04\x12\x9c\x03\n\x7a\n\x05image', /Core ML/, /coremltools/],
    ['Paddle', `\n\xa6\x96\x07\x08\0\x10${'\xff'.repeat(9)}\x01\x1a\x24`, /Paddle model/, /paddle2onnx/],
    ['Paddle in JSON', '{"base_code":{"magic":"pir","trainable":false}', /Paddle model/, /inference\.json/],
    ["Paddle's weights", `${'\0'.repeat(16)}\x08\0\0\0\x08\x05\x10\x10`, /weights .*without the graph/, /paddle2onnx/],
    ['OpenVINO', '<?xml version="1.0"?>\n<net name="main" version="11">', /OpenVINO/, /export/],
    ['xz', '\xfd7zXZ\0\0\x04\xe6\xd6', /compressed file \(xz\)/, /unxz/],
    ['zstd', '\x28\xb5\x2f\xfd\x04\x58', /zstd/, /unzstd/],
    ['bzip2', 'BZh91AY&SY', /bzip2/, /bunzip2/],
    ['7z', '7z\xbc\xaf\x27\x1c\0\x04', /7z/, /unpack/],
    ['rar', 'Rar!\x1a\x07\x01\0', /rar/, /unpack/],
    ['tar', `model.onnx${'\0'.repeat(247)}ustar`, /tar/, /unpack/],
    ['NumPy arrays', `PK\x03\x04${'\0'.repeat(26)}x.npy\x93NUMPY`, /NumPy archive/, /--data/],
    [
      'a TensorFlow SavedModel',
      '\x08\x01\x12\xb8\x20\n\xe4\x10\x12\xd4\x0e\n\x5a\n\x10AssignVariableOp',
      /SavedModel/,
      /tf2onnx\.convert --saved-model/,
    ],
    ['a zip archive', 'PK\x03\x04\0\0\0\0', /archive/, /unpack it.*torch\.onnx\.export/],
  ])('%s', (_, content, what, hint) => {
    const error = refusal(latin1(content))
    expect(error.message).toMatch(what)
    expect(error.hint).toMatch(hint)
  })
})

test('an empty name of the producer is no description as Core ML has it', () => {
  const model = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ domain: '', version: 17n }],
      graph: { node: [{ input: ['x'], output: ['y'], opType: 'Relu' }], name: 'g' },
    }),
  )
  // The encoder leaves out what is empty; others write it.
  const written = new Uint8Array([...model.subarray(0, 2), 0x12, 0, ...model.subarray(2)])
  expect([...written.subarray(2, 9)]).toEqual([0x12, 0, 0x3a, expect.any(Number), 0x0a, expect.any(Number), 0x0a])
  expect(decodeModel(written).graph.nodes).toHaveLength(1)
})

test('a folder named as the model is told by what lies in it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-folder-'))
  const hintOf = async (...files: readonly string[]) => {
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
    for (const file of files) writeFileSync(join(folder, file), file.startsWith('failed') ? '' : 'x')
    return ((await readModel(folder).catch((error) => error)) as UserError).hint
  }
  expect(await hintOf('report.html', 'model.onnx')).toContain(`${folder}/model.onnx`)
  expect(await hintOf('failed.onnx', 'model.onnx')).toContain(`${folder}/model.onnx`)
  expect(await hintOf('failed.onnx')).toMatch(/there is none in it/)
  expect(await hintOf('saved_model.pb')).toMatch(/tf2onnx\.convert --saved-model/)
  expect(await hintOf('config.json', 'model.safetensors')).toMatch(/optimum-cli export onnx --model/)
  expect(await hintOf('inference.pdmodel', 'inference.pdiparams')).toMatch(/paddle2onnx --model_dir/)
  expect(await hintOf('cat.png')).toMatch(/there is none in it/)
  rmSync(folder, { recursive: true })
})

describe('files that are nearly ONNX', () => {
  test('protobuf without a graph', () => {
    expect(refusal(toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n }))).message).toMatch(/no graph/)
  })

  test('a graph without any version', () => {
    const bytes = toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph: { name: 'g' } }))
    expect(refusal(bytes).message).toMatch(/neither an IR version nor operator sets/)
  })

  test('a truncated file, at every length', () => {
    const bytes = withTensor({ dims: [2n], dataType: 1, rawData: new Uint8Array(8) as Uint8Array<ArrayBuffer> })
    for (let length = 1; length < bytes.length; length++) {
      try {
        decodeModel(bytes.subarray(0, length))
      } catch (error) {
        expect(error).toBeInstanceOf(UserError)
      }
    }
    expect(refusal(bytes.subarray(0, bytes.length - 9)).message).toMatch(/damaged near byte \d+/)
  })

  test.each([
    ['too few bytes', { dims: [3n], dataType: 1, rawData: new Uint8Array(8) }, 'float32[3] takes 12 bytes, but 8'],
    ['a lie about size', { dims: [1n << 40n, 1n << 40n], dataType: 1 }, 'claims'],
    ['a negative dimension', { dims: [-1n], dataType: 1 }, 'dimension of -1'],
    ['nothing at all', { dims: [3n], dataType: 7 }, 'int64[3] has no elements in the file'],
    ['the wrong field', { dims: [1n], dataType: 1, int64Data: [1n] }, 'int64Data, which is for other types'],
    ['elements twice', { dims: [1n], dataType: 1, rawData: new Uint8Array(4), floatData: [1] }, 'twice'],
    ['numbers as strings', { dims: [1n], dataType: 8, int32Data: [1] }, 'strings holds numbers'],
  ])('a tensor with %s', (_, tensor, what) => {
    const error = refusal(withTensor(tensor as MessageInitShape<typeof TensorProtoSchema>))
    expect(error.message).toContain(what)
    expect(error.where).toContain('tensor "w"')
  })
})

describe('external data', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'whetstone-onnx-'))
    mkdirSync(join(folder, 'model', 'sub'), { recursive: true })
    writeFileSync(join(folder, 'outside'), new Uint8Array(8))
    writeFileSync(join(folder, 'model', 'weights'), Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8))
    symlinkSync(join(folder, 'outside'), join(folder, 'model', 'link'))
    symlinkSync('weights', join(folder, 'model', 'inner-link'))
    symlinkSync(folder, join(folder, 'model', 'up'))
    writeFileSync(join(folder, 'model', 'hard'), new Uint8Array(8))
    linkSync(join(folder, 'model', 'hard'), join(folder, 'second-name'))
  })

  const external = (entries: Readonly<Record<string, string>>) =>
    withTensor({
      dims: [2n],
      dataType: 1,
      dataLocation: 1,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
    })
  const inFolder = (entries: Readonly<Record<string, string>>) => refusal(external(entries), join(folder, 'model'))

  test('is read when it is needed, and its entries come back byte for byte', () => {
    const bytes = external({ location: 'weights', offset: '4', length: '8', checksum: 'abc' })
    const model = decodeModel(bytes, { baseDir: join(folder, 'model') })
    expect([...tensorBytes(model.graph.initializers.get('w')!)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(encodeModel(model)).toEqual(bytes)
    const through = decodeModel(external({ location: 'inner-link', offset: '4' }), { baseDir: join(folder, 'model') })
    expect([...tensorBytes(through.graph.initializers.get('w')!)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  test.each([
    [{}, /no location/],
    [{ location: 'gone' }, /is missing/],
    [{ location: '/etc/hostname' }, /is an absolute path/],
    [{ location: 'C:\\weights' }, /is an absolute path/],
    [{ location: '../outside' }, /leads out of the folder/],
    [{ location: 'sub/../../outside' }, /leads out of the folder/],
    [{ location: 'link' }, /is a link that leads out/],
    [{ location: 'up/outside' }, /is a link that leads out/],
    [{ location: 'hard' }, /a second name elsewhere/],
    [{ location: 'sub' }, /not an ordinary file/],
    [{ location: 'weights', offset: '8' }, /ends at byte 16, but weights has only 12 bytes/],
    [{ location: 'weights', offset: '-4' }, /the offset of external data is "-4"/],
    [{ location: 'weights', offset: '1e1' }, /the offset of external data is "1e1"/],
    [{ location: 'weights', offset: '99999999999999999999' }, /the offset of external data/],
    [{ location: 'weights', length: '' }, /the length of external data is ""/],
    [{ location: 'weights', length: '4' }, /4 bytes is given for a tensor that takes 8/],
  ])('%j is refused', (entries, what) => {
    expect(inFolder(entries).message).toMatch(what)
  })

  test('of a file that is not there, which is copied; of one that may not be read, where it must stand', () => {
    expect(inFolder({ location: 'gone' }).hint).toBe('copy gone into the folder of the model: the weights are in it')
    expect(inFolder({ location: 'link' }).hint).toMatch(/an ordinary file in the folder/)
  })

  test('without a folder it is an error only when it is read', () => {
    const model = decodeModel(external({ location: 'weights' }))
    const read = () => tensorBytes(model.graph.initializers.get('w')!)
    expect(read).toThrow(/folder of the model is not known/)
    expect(read).toThrow(expect.objectContaining({ hint: expect.stringMatching(/a page .* one file/) }))
  })

  test('models and their data that are both links into one folder, as in the cache of Hugging Face', async () => {
    const [blobs, snapshot] = [join(folder, 'blobs'), join(folder, 'snapshot')]
    for (const made of [blobs, snapshot]) mkdirSync(made)
    for (const [name, location] of [
      ['model.onnx', 'model.onnx_data'],
      ['other.onnx', 'link'],
    ] as const) {
      writeFileSync(join(blobs, `digest of ${name}`), external({ location }))
      symlinkSync(join('..', 'blobs', `digest of ${name}`), join(snapshot, name))
    }
    writeFileSync(join(blobs, '2f5b'), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))
    symlinkSync(join('..', 'blobs', '2f5b'), join(snapshot, 'model.onnx_data'))
    symlinkSync(join(folder, 'outside'), join(snapshot, 'link'))
    const model = await readModel(join(snapshot, 'model.onnx'))
    expect([...tensorBytes(model.graph.initializers.get('w')!)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    await expect(readModel(join(snapshot, 'other.onnx'))).rejects.toThrow(/is a link that leads out/)
  })

  test('a missing model file is named', async () => {
    const error = await readModel(join(folder, 'none.onnx')).catch((caught) => caught)
    expect([error.code, error.where]).toEqual(['missing-file', join(folder, 'none.onnx')])
  })

  test('a device is no model, and nobody waits for what comes out of it', async () => {
    const error = await readModel('/dev/null').catch((caught) => caught)
    expect([error.code, error.message]).toEqual([
      'missing-file',
      'cannot read /dev/null: it is a pipe or a device, not a file',
    ])
  })

  test.skipIf(process.platform === 'win32')(
    'what comes from standard input is no file of another process',
    async () => {
      const file = openSync(join(folder, 'given.onnx'), 'w+')
      // A file that is opened under a number, as a shell does with `< model.onnx`: it can be read here, and not by a runner.
      const given = await readModel(`/dev/fd/${file}`).catch((caught) => caught)
      closeSync(file)
      expect(given.message).toMatch(/is a pipe or a device, not a file$/)
      const dash = await readModel('-').catch((caught) => caught)
      expect([dash.message, dash.hint]).toEqual([
        'cannot read -: it does not exist',
        'standard input is not read: write what comes out of it to a file, and name that',
      ])
    },
  )
})
