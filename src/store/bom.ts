import { createHash } from 'node:crypto'
import { WHETSTONE_VERSION } from '../report/index.ts'
import type { Facts } from './card.ts'
import { comparisonIn, dataUsed } from './evidence.ts'
import { hexOf } from './oci.ts'

/**
 * The bill of materials as CycloneDX 1.7 JSON: the model with its card in figures, the parent that it descends from,
 * the data sets that it was judged on, the passes and the tool that made it. No time stands in it, so that the same
 * version has the same bytes.
 */
export function billOfMaterials(facts: Facts): object {
  const { name, inspection, files, recipe, reports, lineage } = facts
  const digest = inspection.model.digest
  const datasets = dataUsed(reports)
  const reference = `model:${digest}`
  const property = (key: string, value: string | number) => ({ name: `whetstone:${key}`, value: String(value) })
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.7',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([name, digest, recipe, reports, lineage, facts.intendedUse ?? null]))}`,
    version: 1,
    metadata: {
      tools: { components: [{ type: 'application', name: 'whetstone', version: WHETSTONE_VERSION }] },
      component: {
        type: 'machine-learning-model',
        'bom-ref': reference,
        name,
        version: hexOf(digest).slice(0, 12),
        hashes: [sha256(digest)],
        ...(lineage.parent ? { pedigree: pedigree(facts) } : {}),
        modelCard: {
          modelParameters: {
            datasets: datasets.map((data) => ({ ref: `data:${data.digest}` })),
            inputs: inspection.inputs.map((port) => ({ format: portText(port) })),
            outputs: inspection.outputs.map((port) => ({ format: portText(port) })),
          },
          quantitativeAnalysis: { performanceMetrics: performanceMetrics(facts) },
          considerations: {
            useCases: facts.intendedUse ? [facts.intendedUse.trim()] : [],
            technicalLimitations: facts.findings.map(({ where, what }) => `${where} ${what}`),
          },
        },
        properties: [
          property('parameters', inspection.parameters),
          property('lineage', lineage.explained),
          ...Object.entries(inspection.model.opsets).map(([domain, version]) =>
            property(`opset:${domain || 'ai.onnx'}`, version),
          ),
          ...(recipe?.steps ?? []).map((step, i) =>
            property(`pass:${i + 1}`, `${step.pass} ${JSON.stringify(step.options ?? {})}`),
          ),
        ],
      },
    },
    components: [
      ...files.map((file) => ({
        type: 'file',
        'bom-ref': `file:${file.path}`,
        name: file.path,
        hashes: [sha256(file.digest)],
        properties: [property('bytes', file.bytes)],
      })),
      ...datasets.map((data) => ({
        type: 'data',
        'bom-ref': `data:${data.digest}`,
        name: data.path.split(/[\\/]/).at(-1) ?? data.path,
        hashes: [sha256(data.digest)],
        data: [{ type: 'dataset', name: data.path.split(/[\\/]/).at(-1) ?? data.path }],
        properties: [property('rows', data.rows)],
      })),
    ],
    dependencies: [
      {
        ref: reference,
        dependsOn: [...files.map(({ path }) => `file:${path}`), ...datasets.map((data) => `data:${data.digest}`)],
      },
    ],
  }
}

function pedigree({ lineage }: Facts) {
  const { name, version, modelDigest } = lineage.parent!
  return {
    ancestors: [
      {
        type: 'machine-learning-model',
        name: name ?? 'parent',
        version: hexOf(version ?? modelDigest).slice(0, 12),
        hashes: [sha256(modelDigest)],
      },
    ],
    notes: {
      original: '',
      replayed: 'Replaying the passes on the ancestor gives this model.',
      unexplained: `Not every difference is explained by a pass: ${lineage.edits.join('; ')}`,
      unchecked: lineage.recipe
        ? 'The ancestor was not at hand; the passes were not replayed.'
        : 'Told by the reports on how it was made; nothing was replayed.',
    }[lineage.explained],
  }
}

function performanceMetrics({ reports }: Facts) {
  return reports.flatMap((report) => {
    const compared = comparisonIn(report)
    if (!compared) return []
    const figure = (
      type: string,
      value: number | null,
      slice?: string,
      bounds?: readonly [number | null, number | null],
    ) =>
      value === null
        ? []
        : [
            {
              type,
              value: String(value),
              ...(slice === undefined ? {} : { slice }),
              ...(bounds && bounds[0] !== null && bounds[1] !== null
                ? { confidenceInterval: { lowerBound: String(bounds[0]), upperBound: String(bounds[1]) } }
                : {}),
            },
          ]
    const change = (base: number | null, candidate: number | null) =>
      base === null || candidate === null ? null : candidate - base
    return [
      ...figure(compared.metric, compared.candidate.value),
      ...figure(
        `change of ${compared.metric}`,
        change(compared.base.value, compared.candidate.value),
        undefined,
        compared.nonInferiority?.ci,
      ),
      ...compared.slices.flatMap((slice) => [
        ...figure(compared.metric, slice.candidate, slice.name),
        ...figure(`change of ${compared.metric}`, change(slice.base, slice.candidate), slice.name, [
          slice.lowerBound,
          slice.upperBound,
        ]),
      ]),
    ]
  })
}

const portText = ({ name, dtype, shape }: Facts['inspection']['inputs'][number]) =>
  `${name}: ${dtype}${shape === null ? '' : `[${shape.map((dim) => dim ?? '?').join(', ')}]`}`

const sha256 = (digest: string) => ({ alg: 'SHA-256', content: hexOf(digest) })

/** A UUID of version 8 (RFC 9562, 5.8) from a digest: the same content has the same number. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
