"""Training steps of PyTorch, eager, one thread: `train.py NETWORK BATCH`; a first line names the library that
multiplies its matrices, and for each line with a number of steps on stdin a line says the milliseconds a step took. The
networks are those of ../train-networks.ts."""

import os
import re
import sys
import time

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(1)


def conv(a, b, kernel=3, stride=1, group=1):
    return nn.Sequential(
        nn.Conv2d(a, b, kernel, stride, (kernel - 1) // 2, groups=group, bias=False), nn.BatchNorm2d(b)
    )


class Block(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        stride = 1 if a == b else 2
        self.first, self.second = conv(a, b, 3, stride), conv(b, b)
        self.around = nn.Identity() if a == b else conv(a, b, 1, stride)

    def forward(self, x):
        return torch.relu(self.second(torch.relu(self.first(x))) + self.around(x))


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]


def depthwise():
    layers = [conv(1, 32, 3, 2), nn.ReLU()]
    for a, b, stride in [(32, 32, 1), (32, 64, 2), (64, 128, 2)]:
        layers += [conv(a, a, 3, stride, a), nn.ReLU(), conv(a, b, 1), nn.ReLU()]
    return nn.Sequential(*layers, *head(128))


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        n, t, w = x.shape
        seen = self.norm1(x)
        q, k, v = (f(seen).reshape(n, t, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        mixed = torch.softmax(q @ k.transpose(2, 3) / (w / self.heads) ** 0.5, -1) @ v
        x = x + self.out(mixed.transpose(1, 2).reshape(n, t, w))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, width=64, heads=4):
        super().__init__()
        self.enter, self.leave = nn.Linear(width, width), nn.Linear(width, 10)
        self.layers = nn.Sequential(Layer(width, heads), Layer(width, heads))

    def forward(self, x):
        return self.leave(self.layers(self.enter(x)).mean(1))


name, batch = sys.argv[1], int(sys.argv[2])
if name == "residual":
    model = nn.Sequential(conv(1, 16), nn.ReLU(), Block(16, 16), Block(16, 32), Block(32, 64), *head(64))
elif name == "depthwise":
    model = depthwise()
else:
    model = Transformer()
x = torch.rand(batch, *((32, 64) if name == "transformer" else (1, 32, 32))) * 2 - 1
labels = torch.arange(batch) % 10
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
model.train()
torch.rand(64, 64) @ torch.rand(64, 64)
try:
    with open("/proc/self/maps") as maps:
        found = sorted(set(re.findall(r"\S*/lib(?:blas|openblas|blis|mkl)\S*", maps.read())))
except OSError:
    found = []
print(os.path.realpath(found[0]) if found else "a library of its own", flush=True)
for line in sys.stdin:
    steps = int(line)
    started = time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        float(loss)
    print((time.perf_counter() - started) * 1000 / steps, flush=True)
