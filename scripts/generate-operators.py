"""Writes src/ir/gen/operators.ts from the schemas of an installed `onnx` package (made with onnx 1.17, opset 22).

    python3 scripts/generate-operators.py && npx biome check --write src/ir/gen

One line an operator; its versions are separated by '|', the fields of a version by ';':
since ; inputs min-max ; outputs min-max ; input types ; output types ; attributes ; type variables.
'=' repeats the field of the version before. src/ir/schema.ts reads it. What came after opset 22 stands in
src/ir/schema-newer.ts, written by hand.
"""
import onnx.defs as defs

KINDS = {1: 'f', 2: 'i', 3: 's', 4: 't', 5: 'g', 6: 'F', 7: 'I', 8: 'S', 9: 'T', 10: 'G', 11: 'p', 12: 'P', 13: 'y', 14: 'Y'}
DTYPES = {'float': 'float32', 'double': 'float64'}
DOMAINS = ['', 'ai.onnx.ml', 'ai.onnx.preview.training']
MANY = 2147483647

sets = {}


def member(text):
    if text.startswith('tensor('):
        name = text[7:-1]
        return DTYPES.get(name, name)
    return {'seq': '#sequence', 'optional': '#optional', 'map': '#map', 'sparse_tensor': '#sparse'}.get(text.split('(')[0], '#other')


def index_of(texts):
    key = ' '.join(sorted({member(text) for text in texts}))
    return sets.setdefault(key, len(sets))


def parameter(formal, variables):
    option = str(formal.option)
    text = formal.type_str
    if '(' in text:
        name = '$' + str(index_of([text]))
    else:
        name = text
    mark = '?' if 'Optional' in option else '*' if 'Variadic' in option and formal.is_homogeneous else '+' if 'Variadic' in option else ''
    return name + mark


def version(schema):
    variables = ' '.join(f'{c.type_param_str}:{index_of(c.allowed_type_strs)}' for c in schema.type_constraints)
    upper = lambda value: '' if value >= MANY else value
    attributes = ' '.join(
        f'{name}:{KINDS[int(a.type)]}{"!" if a.required else ""}' for name, a in sorted(schema.attributes.items())
    )
    return [
        f'{schema.since_version}{"x" if schema.deprecated else ""}',
        f'{schema.min_input}-{upper(schema.max_input)}',
        f'{schema.min_output}-{upper(schema.max_output)}',
        ' '.join(parameter(p, variables) for p in schema.inputs),
        ' '.join(parameter(p, variables) for p in schema.outputs),
        attributes,
        variables,
    ]


lines = []
for domain in DOMAINS:
    names = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == domain:
            names.setdefault(schema.name, []).append(schema)
    for name in sorted(names):
        before = None
        versions = []
        for schema in sorted(names[name], key=lambda s: s.since_version):
            fields = version(schema)
            versions.append(';'.join('=' if before and i and fields[i] == before[i] else fields[i] for i in range(len(fields))))
            before = fields
        lines.append((f'{domain}.' if domain else '') + name + ' ' + '|'.join(versions))

text = '\n'.join(lines)
table = '\n'.join(sets)
with open('src/ir/gen/operators.ts', 'w') as file:
    file.write(f'''// Made by scripts/generate-operators.py from ONNX's own schemas; do not edit.

/** One line an operator, as the script describes. */
export const OPERATORS = `
{text}
`

/** Sets of types that type variables may stand for; a variable names its set by line number. */
export const TYPE_SETS = `
{table}
`
''')
