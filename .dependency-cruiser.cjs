// The architecture, one row a folder: what it may import. Anything not listed is an error.
const mayImport = {
  ir: [],
  report: [],
  statistics: [],
  platform: [],
  onnx: ['ir', 'platform'],
  rewrite: ['ir', 'report'],
  passes: ['ir', 'report', 'rewrite'],
  engine: ['ir', 'report', 'onnx', 'platform'],
  data: ['ir', 'platform'],
  evaluate: ['ir', 'report', 'statistics', 'engine', 'data', 'platform'],
  audit: ['statistics'],
  train: ['ir', 'engine', 'data', 'platform'],
}
mayImport.recipe = Object.keys(mayImport)
Object.assign(mayImport, {
  // It runs and judges models by recipe alone; of evaluate it has what foretells a judgement, numbers in, numbers out.
  search: ['ir', 'report', 'data', 'evaluate', 'recipe', 'platform'],
  store: ['ir', 'report', 'onnx', 'recipe', 'platform'],
  state: ['report', 'platform'],
  rollout: ['report', 'statistics'],
  serve: ['ir', 'report', 'engine', 'platform', 'store', 'state', 'rollout'],
  view: ['report'],
})
mayImport.cli = Object.keys(mayImport)
// Large rooms have floors: a folder sees those named before it, and what lies in the room itself.
const floors = {
  'passes/quantize': [
    ...['codes', 'products', 'float16', 'kernels', 'units', 'placement'],
    ...['weights', 'static', 'dynamic', 'learned', 'costs'],
  ],
  'passes/quantize/static': ['ranges', 'nodes'],
  recipe: ['proof', 'evidence', 'judge', 'train', 'prune', 'quantize'],
}
const npm = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled']
// Kits are what several tests share.
const isTest = '([.]test|-kit)[.]ts$'
const error = (name, from, to) => ({ name, severity: 'error', from, to })
module.exports = {
  forbidden: [
    ...Object.entries(mayImport).map(([folder, others]) =>
      error(
        `${folder}-layer`,
        { path: `^src/${folder}/`, pathNot: isTest },
        { path: '^(src|studio)/', pathNot: [folder, ...others].map((f) => `^src/${f}/`) },
      ),
    ),
    ...Object.entries(floors).flatMap(([room, names]) =>
      names
        .slice(0, -1)
        .map((name, i) =>
          error(
            `floors-of-${room}`,
            { path: `^src/${room}/${name}/`, pathNot: isTest },
            { path: names.slice(i + 1).map((above) => `^src/${room}/${above}/`) },
          ),
        ),
    ),
    error('sources-stand-alone', { path: '^(src|studio)/', pathNot: isTest }, { path: '^(bench|demo|scripts|tests)/' }),
    error('no-cycle', {}, { circular: true }),
    error('resolvable', {}, { couldNotResolve: true }),
    error(
      'through-the-index',
      { path: '^src/([^/]+)/', pathNot: isTest },
      { path: '^src/', pathNot: ['^src/$1/', '^src/[^/]+/index[.]ts$'] },
    ),
    error('passes-are-islands', { path: '^src/passes/([^/]+)/' }, { path: '^src/passes/', pathNot: '^src/passes/$1/' }),
    error(
      'one-door-to-onnxruntime',
      { path: '^src/', pathNot: '^src/engine/ort-[a-z]+[.]ts$' },
      { path: 'onnxruntime' },
    ),
    error(
      'pure-core',
      { path: '^src/(ir|report|rewrite|passes)/', pathNot: isTest },
      { dependencyTypes: ['core', ...npm] },
    ),
    error(
      'statistics-knows-numbers-only',
      { path: '^src/statistics/', pathNot: isTest },
      { dependencyTypes: ['core'] },
    ),
    error(
      'builtins-have-their-rooms',
      { path: '^src/', pathNot: [isTest, '^src/(platform|store|state|serve|cli)/', '^src/engine/ort-node'] },
      { dependencyTypes: ['core'] },
    ),
    error(
      'studio-sees-what-a-browser-can-have',
      { path: '^studio/' },
      { path: '^src/(store|state|rollout|serve|cli)/' },
    ),
    error('nobody-imports-a-test', { pathNot: isTest }, { path: isTest }),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    // Without these, packages that only have an export map count as unresolvable.
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
