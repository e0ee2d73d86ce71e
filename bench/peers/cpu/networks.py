"""The CPU benchmark's models in PyTorch, as functions of nnc's weights. What takes images takes them as `images` lays them
out, once for all steps."""
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cuda"))
from torch_networks import Network as Base


class Network(Base):
    def prepare(self, x):
        """The batch as the network takes it."""
        return torch.from_numpy(x.copy())


class ImageNetwork(Network):
    def prepare(self, x):
        return self.laid_out(torch.from_numpy(x.copy()).permute(0, 3, 1, 2))


class Mlp(Network):
    def __init__(self, weights, job, device):
        super().__init__(weights, job, device)
        layers = sum(name.endswith("kernel") for name in weights)
        self.layers = ["dense"] + [f"dense_{number}" for number in range(1, layers)]

    def forward(self, x):
        h = x
        for name in self.layers[:-1]:
            h = F.relu(self.dense(name, h))
        return self.dense(self.layers[-1], h)


class Cnn(ImageNetwork):
    def __init__(self, weights, job, device):
        weights = dict(weights)
        if not job["channels_last"]:
            # What `flatten` gives has channels first then.
            kernel = weights["dense/kernel"]
            channels = weights["convolution_1/bias"].size
            pixels = kernel.shape[0] // channels
            weights["dense/kernel"] = kernel.reshape(pixels, channels, -1).transpose(1, 0, 2).reshape(kernel.shape)
        super().__init__(weights, job, device)

    def forward(self, x):
        h = x
        for name in ("convolution", "convolution_1"):
            h = F.conv2d(h, self.weight(f"{name}/kernel"), self.weight(f"{name}/bias"))
            h = F.max_pool2d(F.relu(h), 2)
        h = (h.permute(0, 2, 3, 1) if self.wide_layout else h).flatten(1)
        return self.dense("dense_1", F.relu(self.dense("dense", h)))


class ResNet8(ImageNetwork):
    """Padding is symmetric, as PyTorch's; moving averages are kept as in training."""

    def __init__(self, weights, job, device):
        super().__init__(weights, job, device)
        for name, value in weights.items():
            if not name.endswith("gamma"):
                continue
            unit = name[: -len("/batch_normalization/gamma")].replace("/", "__")
            self.register_buffer(f"{unit}__mean", torch.zeros(value.shape))
            self.register_buffer(f"{unit}__variance", torch.ones(value.shape))

    def unit(self, name, x, stride=1):
        kernel = self.weight(f"{name}/conv2d/kernel")
        y = F.conv2d(x, kernel, stride=stride, padding=kernel.shape[2] // 2)
        gamma, beta = (self.weight(f"{name}/batch_normalization/{part}") for part in ("gamma", "beta"))
        mean, variance = (getattr(self, f"{name.replace('/', '__')}__{part}") for part in ("mean", "variance"))
        return F.batch_norm(y, mean, variance, gamma, beta, training=True, momentum=0.1, eps=1e-5)

    def forward(self, x):
        h = F.relu(self.unit("unit", x))
        for block, stride in (("residual", 1), ("residual_1", 2), ("residual_2", 2)):
            y = self.unit(f"{block}/unit_1", F.relu(self.unit(f"{block}/unit", h, stride)))
            shortcut = h if stride == 1 else self.unit(f"{block}/unit_2", h, stride)
            h = F.relu(y + shortcut)
        return self.dense("dense", h.mean(dim=(2, 3)))


class Words(Network):
    """Gates are in the same order in Keras and in PyTorch, whose second bias stays zero."""

    def __init__(self, weights, job, device):
        super().__init__(weights, job, device)
        cell = "lstm/lstm_cell"
        inputs, units = weights[f"{cell}/kernel"].shape[0], weights[f"{cell}/recurrent_kernel"].shape[0]
        self.lstm = torch.nn.LSTM(inputs, units, batch_first=True)
        own = {"kernel": "weight_ih_l0", "recurrent_kernel": "weight_hh_l0", "bias": "bias_ih_l0"}
        with torch.no_grad():
            for name, its in own.items():
                getattr(self.lstm, its).copy_(self.weight(f"{cell}/{name}"))
                delattr(self, f"{cell}/{name}".replace("/", "__"))
            self.lstm.bias_hh_l0.zero_().requires_grad_(False)

    def prepare(self, x):
        return torch.from_numpy(x.copy()).long()

    def forward(self, x):
        output, _ = self.lstm(F.embedding(x, self.weight("embedding/embeddings")))
        return self.dense("dense", output[:, -1])


class Gpt(Network):
    heads = 4

    def __init__(self, weights, job, device):
        super().__init__(weights, job, device)
        self.depth = sum(name.endswith("attention/dense/kernel") for name in weights)
        positions = weights["place"].shape[0]
        self.register_buffer("hidden", torch.triu(torch.ones(positions, positions, dtype=torch.bool), 1))

    def prepare(self, x):
        return torch.from_numpy(x.copy()).long()

    def normalized(self, name, x):
        gamma, beta = self.weight(f"{name}/gamma"), self.weight(f"{name}/beta")
        return F.layer_norm(x, x.shape[-1:], gamma, beta, eps=1e-5)

    def attention(self, name, x):
        rows, positions, width = x.shape
        parts = self.dense(f"{name}/dense", x).view(rows, positions, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(2, 3)) * (width // self.heads) ** -0.5
        mixed = scores.masked_fill(self.hidden, float("-inf")).softmax(-1) @ v
        return self.dense(f"{name}/dense_1", mixed.transpose(1, 2).reshape(x.shape))

    def forward(self, x):
        h = F.embedding(x, self.weight("embedding/embeddings")) + self.place
        for number in range(self.depth):
            block = "block" if number == 0 else f"block_{number}"
            h = h + self.attention(f"{block}/attention", self.normalized(f"{block}/layer_normalization", h))
            r = F.gelu(self.dense(f"{block}/dense", self.normalized(f"{block}/layer_normalization_1", h)))
            h = h + self.dense(f"{block}/dense_1", r)
        return F.linear(self.normalized("layer_normalization", h), self.weight("dense/kernel"))


NETWORKS = {"mlp": Mlp, "cnn": Cnn, "resnet8": ResNet8, "words": Words, "gpt": Gpt}
