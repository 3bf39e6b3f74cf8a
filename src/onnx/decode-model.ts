import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf'
import { type ModelProto, ModelProtoSchema, TensorProtoSchema } from 'onnx-buf'
import type { Model, Tensor } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { decodeFunction, decodeGraph, readOpsets, regularOpsets, statedVersion } from './decode-graph.ts'
import { decodeTensor } from './decode-tensor.ts'
import { ExternalFiles } from './external-data.ts'
import { refuseForeign } from './foreign-format.ts'
import { badModel, Place } from './problem.ts'
import { decodeMetadata, irregular, regularEntries, type Shell, strip } from './shell.ts'
import { checkWire } from './wire.ts'

export interface DecodeOptions {
  /** Folder that external data is found in; without it, an external tensor is an error only when it is read. */
  readonly baseDir?: string
  /**
   * Folder of the file itself, where `baseDir` holds a link to it: links to external data may lead there as well. The
   * cache of Hugging Face keeps models like that.
   */
  readonly homeDir?: string
  /** The file's name for error messages. */
  readonly path?: string
}

/**
 * An ONNX file as a model value. Weights stay slices of `file`, which must not change afterwards; external data is
 * checked now and read when somebody asks. UserError `bad-model` for anything that is not a well-formed ONNX file.
 */
export function decodeModel(file: Uint8Array, options: DecodeOptions = {}): Model {
  // Slices of Node's Buffer are Buffers, whose `slice` copies nothing; plain arrays keep their promises.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength)
  const place = new Place(options.path ?? 'the model')
  refuseForeign(bytes, place)
  const message = parse(ModelProtoSchema, bytes, place)
  if (!message.graph || (message.irVersion === 0n && message.opsetImport.length === 0))
    throw badModel(
      message.graph ? 'the file states neither an IR version nor operator sets' : 'the file holds no graph',
      place,
      'it is not an ONNX model: check that this is the file you meant',
    )
  return fromMessage(message, new ExternalFiles(options.baseDir, options.homeDir), place)
}

/** A single tensor as files of test data hold it (`input_0.pb`). UserError `bad-model` where it is not well-formed. */
export function decodeTensorFile(bytes: Uint8Array, path = 'the tensor'): Tensor {
  const place = new Place(path)
  return decodeTensor(parse(TensorProtoSchema, bytes, place), new ExternalFiles(undefined), place)
}

function parse<D extends DescMessage>(schema: D, bytes: Uint8Array, place: Place): MessageShape<D> {
  checkWire(schema, bytes, place)
  try {
    return fromBinary(schema, bytes)
  } catch (error) {
    if (error instanceof UserError) throw error
    throw badModel('the file is damaged, or it is not an ONNX model', place, undefined, error)
  }
}

function fromMessage(message: ModelProto, files: ExternalFiles, place: Place): Model {
  const keptEntries = !regularEntries(message.metadataProps)
  const keptOpsets = !regularOpsets(message.opsetImport)
  const model: Model = {
    irVersion: statedVersion(message.irVersion, 'IR version', place),
    opsets: readOpsets(message.opsetImport, place),
    producerName: message.producerName,
    producerVersion: message.producerVersion,
    domain: message.domain,
    modelVersion: message.modelVersion,
    docString: message.docString,
    graph: decodeGraph(message.graph!, files, place),
    functions: message.functions.map((item) => decodeFunction(item, files, place)),
    metadata: decodeMetadata(message.metadataProps),
  }
  const keep =
    irregular(message, ['irVersion']) ||
    keptEntries ||
    keptOpsets ||
    message.trainingInfo.length > 0 ||
    message.configuration.length > 0
  if (!keep) return model
  strip(message, 'graph', 'functions')
  if (!keptEntries) strip(message, 'metadataProps')
  if (!keptOpsets) strip(message, 'opsetImport')
  return { ...model, kept: { message } satisfies Shell }
}
