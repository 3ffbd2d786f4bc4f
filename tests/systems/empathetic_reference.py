"""The equations of the small empathetic models, one context at a time, word by word, in float64 NumPy."""

import numpy as np

PAD, SOS = 1, 3


class Weights(dict):
    """A state dict as float64 arrays, and parts of it by the beginning of their names."""

    @classmethod
    def of(cls, system):
        return cls({k: v.detach().double().numpy() for k, v in system.state_dict().items()})

    def part(self, name):
        return Weights({k[len(name) + 1 :]: v for k, v in self.items() if k.startswith(name + ".")})


def linear(w, x):
    return x @ w["weight"].T + w.get("bias", 0.0)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def norm(w, x):
    out = np.empty_like(x)
    for i, row in enumerate(x):
        deviation = np.sqrt(((row - row.mean()) ** 2).sum() / (len(row) - 1))
        out[i] = w["gamma"] * (row - row.mean()) / (deviation + 1e-6) + w["beta"]
    return out


def sinusoids(length, width):
    out = np.zeros((length, width))
    half = width // 2
    for position in range(length):
        for i in range(half):
            angle = position / 10_000 ** (i / (half - 1))
            out[position, i], out[position, half + i] = np.sin(angle), np.cos(angle)
    return out


def convolve(w, x, before):
    """Three neighbours, `before` of them in front of each place, zeros beyond the ends."""
    out = np.zeros((len(x), len(w["bias"])))
    for i in range(len(x)):
        out[i] = w["bias"]
        for k in range(3):
            j = i + k - before
            if 0 <= j < len(x):
                out[i] += w["weight"][:, :, k] @ x[j]
    return np.maximum(out, 0)


def attention(w, x, given, seen, heads):
    """Values and mean logits; seen[i] are the numbers of what the i-th may look at."""
    q, k, v = linear(w.part("query"), x), linear(w.part("key"), given), linear(w.part("value"), given)
    size = q.shape[1] // heads
    out, logits = np.zeros((len(x), q.shape[1])), np.full((len(x), heads, len(given)), -1e18)
    for i in range(len(x)):
        for head in range(heads):
            cut = slice(head * size, (head + 1) * size)
            for j in seen[i]:
                logits[i, head, j] = q[i, cut] @ k[j, cut] / np.sqrt(size)
            out[i, cut] = softmax(logits[i, head]) @ v[:, cut]
    return linear(w.part("output"), out), logits


def encoder(w, x, heads, words=None):
    """States and weights of the last layer; of padded input `words` are the places that hold one."""
    words = range(len(x)) if words is None else words
    x = linear(w.part("entry"), x)
    x = x + sinusoids(*x.shape)
    layer = 0
    while f"layers.{layer}.norm1.gamma" in w:
        own = w.part(f"layers.{layer}")
        y = norm(own.part("norm1"), x)
        attended, logits = attention(own.part("attention"), y, y, [list(words)] * len(x), heads)
        x = x + attended
        fed = convolve(own.part("feed.first"), norm(own.part("norm2"), x), 1)
        x = x + convolve(own.part("feed.second"), fed, 1)
        layer += 1
    return norm(w.part("norm"), x), np.stack([[softmax(head) for head in row] for row in logits])


def told(w, memory, source, reply, heads):
    """Log-probabilities of all words after each word before those of an answer (t, words)."""
    width = w["embedding.weight"].shape[1]
    words = [SOS, *reply[:-1]]
    own = w.part("decoder")
    x = linear(own.part("entry"), w["embedding.weight"][words] * np.sqrt(width))
    x = x + sinusoids(*x.shape)
    layer = 0
    while f"layers.{layer}.norm1.gamma" in own:
        part = own.part(f"layers.{layer}")
        y = norm(part.part("norm1"), x)
        x = x + attention(part.part("attention"), y, y, [list(range(i + 1)) for i in range(len(x))], heads)[0]
        y = norm(part.part("norm2"), x)
        attended, logits = attention(part.part("context"), y, memory, [list(range(len(memory)))] * len(x), heads)
        x = x + attended
        fed = convolve(part.part("feed.first"), norm(part.part("norm3"), x), 2)
        x = x + convolve(part.part("feed.second"), fed, 2)
        layer += 1
    x = norm(own.part("norm"), x)
    out = []
    for state, looks in zip(x, logits, strict=True):
        share = 1 / (1 + np.exp(-linear(w.part("generator.gate"), state)[0]))
        p = share * softmax(linear(w.part("generator.words"), state))
        copied = softmax(looks.mean(0))
        for word, weight in zip(source, copied, strict=True):
            p[word] += (1 - share) * weight
        out.append(np.log(p))
    return np.stack(out)
