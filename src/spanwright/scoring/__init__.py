"""Scoring: predicted spans against gold spans, at character offsets of the original documents. numpy only.

`counts` says what is counted, `intervals` how sure it is, `evaluation` puts both into one object.
"""

from spanwright.scoring.evaluation import Evaluation, evaluate_documents

__all__ = ["Evaluation", "evaluate_documents"]
