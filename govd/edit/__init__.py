"""The mathematics of an edit: factors, basis, composing, metrics."""

from govd.edit import exact
from govd.edit.algebra import Algebra, Host, OnArrays
from govd.edit.basis import Basis
from govd.edit.compose import Material, Method, Problem, compose
from govd.edit.factors import Edit, load_edit
from govd.edit.ingredients import Ingredients, build
from govd.edit.metrics import EvaluationData

__all__ = [
    "Algebra",
    "Basis",
    "Edit",
    "EvaluationData",
    "Host",
    "Ingredients",
    "Material",
    "Method",
    "OnArrays",
    "Problem",
    "build",
    "compose",
    "exact",
    "load_edit",
]
