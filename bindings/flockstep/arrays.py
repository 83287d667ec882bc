"""Views of a batch's arrays as numpy arrays, torch tensors or DLPack objects, without copies."""

import importlib.util

import numpy as np

from .checks import shown

KINDS = ("numpy", "torch", "dlpack")


def choose_kind(kind, device):
    """The kind for a device: the requested one, by default numpy on the CPU and torch on CUDA if it is installed.

    Raises ValueError for an unknown kind, for numpy on CUDA, and for torch where it is not installed.
    """
    on_cuda = device != "cpu"
    has_torch = importlib.util.find_spec("torch") is not None
    if kind is None:
        return "numpy" if not on_cuda else "torch" if has_torch else "dlpack"
    if kind not in KINDS:
        raise ValueError(f"array: got {shown(kind)}, want one of: {', '.join(KINDS)}")
    if kind == "numpy" and on_cuda:
        raise ValueError(f'array: got "numpy" for {device}, which numpy cannot see; want "torch" or "dlpack"')
    if kind == "torch" and not has_torch:
        raise ValueError('array: got "torch", which is not installed; want "numpy" or "dlpack"')
    return kind


def viewer(kind):
    """The function that views an Array as `kind`, without a copy."""
    if kind == "numpy":
        return lambda array: array.numpy()
    if kind == "torch":
        import torch

        return torch.from_dlpack
    return lambda array: array


def copy_to_host(tree):
    """numpy copies of an Array (array="dlpack", on any device), or of a dict of them; None stays None. Synchronizes."""
    if isinstance(tree, dict):
        return {name: copy_to_host(branch) for name, branch in tree.items()}
    return None if tree is None else tree.copy()


def map_tree(function, tree):
    """Applies `function` to one array, or to every array of nested dicts."""
    if isinstance(tree, dict):
        return {name: map_tree(function, branch) for name, branch in tree.items()}
    return function(tree)


def mask_to_host(mask):
    """A reset mask in host memory: bool [num_envs]. Synchronizes."""
    if hasattr(mask, "cpu"):  # torch
        return mask.cpu().numpy().astype(bool)
    return (mask if isinstance(mask, np.ndarray) else np.from_dlpack(mask, device="cpu")).astype(bool)
