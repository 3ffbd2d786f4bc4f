"""Faces in pictures and videos: boxes, 468-point meshes, tracks, aligned crops, geometric coefficients.

Everything runs through LiteRT on the CPU; the nets are BlazeFace and FaceMesh (Apache-2.0).
"""

from affectus.frontends.faces.coefficients import Baseline, Motion, coefficients, head_pose, motion
from affectus.frontends.faces.crop import as_crop, face_crop
from affectus.frontends.faces.detector import Detection, Detector
from affectus.frontends.faces.mesh import Mesh
from affectus.frontends.faces.track import Face, FaceFinder, FaceFrame, Tracker, find_faces, track_faces

__all__ = [
    "Baseline",
    "Detection",
    "Detector",
    "Face",
    "FaceFinder",
    "FaceFrame",
    "Mesh",
    "Motion",
    "Tracker",
    "as_crop",
    "coefficients",
    "face_crop",
    "find_faces",
    "head_pose",
    "motion",
    "track_faces",
]
