"""ONNX, which many runtimes compute; importing this package loads none of its packages."""
