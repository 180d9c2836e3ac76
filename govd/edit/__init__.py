"""The mathematics of an edit: factors or tensors, basis, composing, metrics."""

from govd.edit import exact
from govd.edit.algebra import Algebra, Host, OnArrays
from govd.edit.basis import Basis
from govd.edit.compose import Material, Method, Problem, compose
from govd.edit.factors import Edit, load_edit
from govd.edit.ingredients import Ingredients, build
from govd.edit.metrics import EvaluationData
from govd.edit.tensors import AnyEdit, TensorEdit

__all__ = [
    "Algebra",
    "AnyEdit",
    "Basis",
    "Edit",
    "EvaluationData",
    "Host",
    "Ingredients",
    "Material",
    "Method",
    "OnArrays",
    "Problem",
    "TensorEdit",
    "build",
    "compose",
    "exact",
    "load_edit",
]
