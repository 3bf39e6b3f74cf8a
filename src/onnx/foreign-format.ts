import { UserError } from '../platform/index.ts'
import { badModel, type Place } from './problem.ts'

interface Foreign {
  readonly name: string
  readonly hint: string
  matches(bytes: Uint8Array): boolean
}

/** One character a byte, with the byte's number. A `latin1` decoder of browsers does otherwise: 0x80 is a euro sign to it. */
const characters = (bytes: Uint8Array, from: number, length: number) =>
  Array.from(bytes.subarray(from, from + length), (byte) => String.fromCharCode(byte)).join('')
/** The first bytes, two digits each. */
const hex = (bytes: Uint8Array) =>
  Array.from(bytes.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0')).join('')
const startsWith = (text: string, at = 0) => {
  return (bytes: Uint8Array) => characters(bytes, at, text.length) === text
}

/** How much of a file is searched for names: of the entries of a zip archive, of the classes of a pickle. */
const SEARCHED = 1 << 16
const head = (bytes: Uint8Array) => characters(bytes, 0, SEARCHED)

function zipHolds(bytes: Uint8Array, ...names: readonly string[]): boolean {
  if (!startsWith('PK')(bytes)) return false
  const text = head(bytes) + characters(bytes, Math.max(0, bytes.byteLength - SEARCHED), SEARCHED)
  return names.some((name) => text.includes(name))
}

const TORCH = 'load it in Python, then: torch.onnx.export(model.eval(), (example_input,), "model.onnx", dynamo=True)'
const TENSORFLOW = 'pip install tf2onnx, then: python -m tf2onnx.convert'

const COREML =
  'export the model that it was made from instead; or, of an older one: pip install coremltools onnxmltools, then in Python: onnxmltools.utils.save_model(onnxmltools.convert_coreml(coremltools.utils.load_spec("model.mlmodel")), "model.onnx")'
const paddle = (folder: string, graph: string) =>
  `pip install paddlepaddle paddle2onnx, then: paddle2onnx --model_dir ${folder} --model_filename ${graph} --params_filename ${graph.replace(/\.\w+$/, '.pdiparams')} --save_file model.onnx`

const FORMATS: readonly Foreign[] = [
  {
    name: 'a PyTorch file (.pt, .pth)',
    hint: TORCH,
    matches: (b) => zipHolds(b, '/data.pkl', '/constants.pkl', '/version', '/.format_version'),
  },
  {
    name: 'a pickled scikit-learn model (.pkl, .joblib)',
    hint: 'pip install skl2onnx, then in Python: open("model.onnx", "wb").write(skl2onnx.to_onnx(model, X[:1]).SerializeToString())',
    matches: (b) => isPickle(b) && head(b).includes('sklearn.'),
  },
  {
    name: 'a pickled PyTorch file (.pt, .pth)',
    hint: TORCH,
    matches: (b) => isPickle(b) && (startsWith(OF_TORCH, 2)(b) || head(b).includes('torch')),
  },
  {
    name: 'a Python pickle (.pkl)',
    hint: 'name a model: what wrote it must export it to .onnx (of PyTorch: torch.onnx.export); arrays are data, which stand behind --data as numpy.savez writes them',
    matches: isPickle,
  },
  {
    name: 'a Keras archive (.keras)',
    hint: `load it and save it as a folder (model.export("saved_model")), then: ${TENSORFLOW.slice(TENSORFLOW.indexOf('python'))} --saved-model saved_model --output model.onnx`,
    matches: (b) => zipHolds(b, 'model.weights.h5'),
  },
  {
    name: 'a Keras file (HDF5)',
    hint: `load it and save it as a folder (keras.models.load_model("model.h5").export("saved_model")), then: ${TENSORFLOW.slice(TENSORFLOW.indexOf('python'))} --saved-model saved_model --output model.onnx`,
    matches: startsWith('\x89HDF\r\n\x1a\n'),
  },
  {
    name: 'a TensorFlow Lite file',
    hint: `${TENSORFLOW} --tflite model.tflite --output model.onnx`,
    matches: startsWith('TFL3', 4),
  },
  {
    name: 'a Core ML model (.mlmodel)',
    hint: COREML,
    // Its version, then a description that begins with an input and its name; in ONNX the producer's name stands there.
    matches: (b) => /^08(?!00)[0-7].12([89a-f].){0,4}[0-7].0a([89a-f].){0,4}[0-7].0a/.test(hex(b)),
  },
  {
    name: 'a Paddle model (.pdmodel)',
    hint: paddle('.', 'model.pdmodel'),
    // A block, which is number 0 and has number -1 above it.
    matches: (b) => /^0a([89a-f].){0,4}[0-7].080010(ff){9}01/.test(hex(b)),
  },
  {
    name: 'a Paddle model (.json)',
    hint: paddle('.', 'inference.json'),
    matches: (b) => /^\s*\{\s*"base_code"\s*:\s*\{[^}]*"pir"/.test(characters(b, 0, 256)),
  },
  {
    name: "a file of Paddle's weights (.pdiparams), without the graph",
    hint: paddle('.', 'inference.pdmodel'),
    // Versions and levels, all of them 0, and the length of a description that begins with a type.
    matches: (b) => /^(00){16}..(00){3}08/.test(hex(b)),
  },
  {
    name: 'the graph of a TensorFlow SavedModel (saved_model.pb)',
    hint: `name its folder: ${TENSORFLOW} --saved-model FOLDER --output model.onnx`,
    // A version, then what the graph is made of: a list of operators, each of which begins with its name.
    matches: (b) => /^080112([89a-f].){0,4}[0-7].0a([89a-f].){0,4}[0-7].12([89a-f].){0,4}[0-7].0a/.test(hex(b)),
  },
  {
    name: 'a TensorFlow graph (.pb)',
    hint: `${TENSORFLOW} --graphdef model.pb --inputs NAME:0 --outputs NAME:0 --output model.onnx`,
    // A node, and in it its name and operator; ONNX begins with a number.
    matches: (b) => /^\n[\s\S]{1,5}?\n[\s\S][\w./-]+[^ -\xff\s][\s\S]\w/.test(characters(b, 0, 256)),
  },
  {
    name: 'a safetensors file, which holds weights without the graph',
    hint: 'pip install "optimum[onnx]", then: optimum-cli export onnx --model FOLDER_OF_THE_MODEL onnx/',
    matches: isSafetensors,
  },
  {
    name: 'a GGUF file (llama.cpp), which holds weights without the graph',
    hint: 'start from the original model: optimum-cli export onnx --model NAME_ON_HUGGING_FACE onnx/',
    matches: startsWith('GGUF'),
  },
  {
    name: 'a TensorFlow.js or JSON file',
    hint: 'name the .onnx file; a TensorFlow.js model is converted with: pip install tf2onnx, then: python -m tf2onnx.convert --tfjs model.json --output model.onnx',
    matches: (b) => /^\s*\{\s*"/.test(characters(b, 0, 64)) && !isSafetensors(b),
  },
  {
    name: 'an ORT-format file (.ort)',
    hint: 'use the .onnx file that it was made from; it cannot be turned back',
    matches: startsWith('ORTM', 4),
  },
  {
    name: 'a NumPy archive (.npz)',
    hint: 'name a model; arrays are data, which stand behind --data',
    matches: (b) => startsWith('PK\x03\x04')(b) && /^[^/]+?\.npy/.test(characters(b, 30, 128)),
  },
  {
    name: 'an archive (zip)',
    hint: `unpack it and name the .onnx file in it; where PyTorch wrote it (.pt, .pth): ${TORCH}`,
    matches: startsWith('PK\x03\x04'),
  },
  { name: 'a compressed file (gzip)', hint: 'unpack it with gunzip first', matches: startsWith('\x1f\x8b') },
  { name: 'a compressed file (xz)', hint: 'unpack it with unxz first', matches: startsWith('\xfd7zXZ\0') },
  { name: 'a compressed file (zstd)', hint: 'unpack it with unzstd first', matches: startsWith('\x28\xb5\x2f\xfd') },
  { name: 'a compressed file (bzip2)', hint: 'unpack it with bunzip2 first', matches: startsWith('1AY&SY', 4) },
  {
    name: 'an archive (7z)',
    hint: 'unpack it and name the .onnx file in it',
    matches: startsWith('7z\xbc\xaf\x27\x1c'),
  },
  { name: 'an archive (rar)', hint: 'unpack it and name the .onnx file in it', matches: startsWith('Rar!\x1a\x07') },
  { name: 'an archive (tar)', hint: 'unpack it and name the .onnx file in it', matches: startsWith('ustar', 257) },
  { name: 'a JPEG image', hint: 'name a model; images are data', matches: startsWith('\xff\xd8\xff') },
  { name: 'a PNG image', hint: 'name a model; images are data', matches: startsWith('\x89PNG\r\n') },
  { name: 'a NumPy file', hint: 'name a model; arrays are data', matches: startsWith('\x93NUMPY') },
  {
    name: 'a Git LFS pointer, not the model itself',
    hint: 'fetch the real file: git lfs pull',
    matches: startsWith('version https://git-lfs'),
  },
  {
    name: 'a sound file (.wav)',
    hint: 'name a model; sounds are data',
    matches: (b) => startsWith('RIFF')(b) && startsWith('WAVE', 8)(b),
  },
  {
    name: 'an OpenVINO model (.xml)',
    hint: 'it cannot be turned back: export the model that it was made from to .onnx',
    matches: (b) => /^\s*(<\?xml[^>]*>\s*)?<net\s+name=/.test(characters(b, 0, 256)),
  },
  {
    name: 'a web page',
    hint: 'the download gave a page instead of the file: download the raw file',
    matches: (b) => /^\s*<(!doctype|html|\?xml)/i.test(characters(b, 0, 64)),
  },
  {
    name: 'text, such as a table or a program',
    hint: 'name the .onnx file as the model; rows are data',
    // ONNX has a byte below those of text within its first fields.
    matches: (b) => b.byteLength > 3 && b.subarray(0, SEARCHED).every(isOfText),
  },
]

/** What torch.save wrote first before 1.6, behind the protocol: its magic number, a long of ten bytes. */
const OF_TORCH = '\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'

/** Whether a byte may stand in a text: letters, blanks, tabs, ends of lines, and what letters beyond ASCII consist of. */
const isOfText = (byte: number): boolean =>
  byte === 0x09 || byte === 0x0a || byte === 0x0d || (byte >= 0x20 && byte !== 0x7f)

/** Pickle protocol 2 to 5. */
function isPickle(bytes: Uint8Array): boolean {
  // 0x80 starts no valid ONNX file: as a tag it would need a second byte of at least 1 and field 16 or more.
  return bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5
}

/** An 8-byte little-endian header length, then a JSON object. */
function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.byteLength < 10) return false
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)
  return bytes[8] === 0x7b && (bytes[9] === 0x22 || bytes[9] === 0x7d || bytes[9] === 0x20) && length < 1n << 40n
}

/** Refuses what is known not to be ONNX, with the line that converts it. UserError `bad-model`. */
export function refuseForeign(bytes: Uint8Array, place: Place): void {
  if (bytes.byteLength === 0) throw badModel('the file is empty', place, 'copy or export the model again')
  const found = FORMATS.find((format) => format.matches(bytes))
  if (found)
    throw new UserError('bad-model', `this is ${found.name}, not ONNX`, { where: String(place), hint: found.hint })
}

/** The path of what lies in a folder. */
export const joined = (folder: string, name: string): string => `${folder.replace(/\/$/, '')}/${name}`

/** What to do with a folder that was named as a model, by the names in it. */
export function hintForFolder(path: string, names: readonly string[]): string {
  const model = names.find((name) => name.endsWith('.onnx'))
  if (model !== undefined) return `name the model in it, such as ${joined(path, model)}`
  if (names.includes('saved_model.pb'))
    return `this is a TensorFlow SavedModel: ${TENSORFLOW} --saved-model ${path} --output model.onnx`
  if (names.includes('config.json') && names.some((name) => /\.(safetensors|bin)$/.test(name)))
    return `this is a Hugging Face model: pip install "optimum[onnx]", then: optimum-cli export onnx --model ${path} onnx/`
  if (names.includes('Manifest.json') && names.includes('Data'))
    return 'this is a Core ML package: export the model that it was made from to .onnx'
  const graph = names.find((name) => name.endsWith('.pdmodel')) ?? names.find((name) => name === 'inference.json')
  if (graph !== undefined && names.some((name) => name.endsWith('.pdiparams')))
    return `this is a Paddle model: ${paddle(path, graph)}`
  return 'a model is a file that ends in .onnx, and there is none in it'
}
