"""Resources: list them and their templates, and read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..client_calls import UNSET, Timeout
from ..deadline import Deadline
from .feature import McpFeature

if TYPE_CHECKING:
    from ..types.resources import ReadResourceResult, Resource, ResourceTemplate

__all__ = ["Resources"]


class Resources(McpFeature):
    """The resources of a server. May be shared between threads."""

    def list_resources(self, *, timeout: Timeout = UNSET, refresh: bool = False) -> list[Resource]:
        """List all resources of the server, page by page.

        Args:
            timeout: seconds for all pages together; None sets no limit; not given,
                ``request_timeout`` holds.
            refresh: True asks the server even if it said that an earlier answer still holds.

        Returns:
            The resources, in the server's order.

        Raises:
            MCPProtocolError: the list does not end, or cannot be read.
            MCPError: as for ``request``.
        """
        from ..types.listing import Listing
        from ..types.resources import Resource

        deadline = Deadline(self._seconds(timeout))
        entries = self._whole("resources/list", "resources", deadline, refresh=refresh)
        return Listing(map(Resource.from_wire, entries))

    def iter_resources(self, *, timeout: Timeout = UNSET) -> Iterator[Resource]:
        """List the resources lazily; ``timeout`` is for each page.

        Yields:
            The resources, in the server's order.
        """
        from ..types.resources import Resource

        for page in self._pages("resources/list", "resources", timeout):
            yield from map(Resource.from_wire, page)

    def list_resource_templates(
        self, *, timeout: Timeout = UNSET, refresh: bool = False
    ) -> list[ResourceTemplate]:
        """List all templates of resources; the arguments are those of ``list_resources``.

        Returns:
            The templates, in the server's order.
        """
        from ..types.listing import Listing
        from ..types.resources import ResourceTemplate

        method = "resources/templates/list"
        deadline = Deadline(self._seconds(timeout))
        entries = self._whole(method, "resourceTemplates", deadline, refresh=refresh)
        return Listing(map(ResourceTemplate.from_wire, entries))

    def iter_resource_templates(self, *, timeout: Timeout = UNSET) -> Iterator[ResourceTemplate]:
        """List the templates lazily; ``timeout`` is for each page.

        Yields:
            The templates, in the server's order.
        """
        from ..types.resources import ResourceTemplate

        for page in self._pages("resources/templates/list", "resourceTemplates", timeout):
            yield from map(ResourceTemplate.from_wire, page)

    def read_resource(
        self, uri: str, *, timeout: Timeout = UNSET, refresh: bool = False
    ) -> ReadResourceResult:
        """Read a resource.

        Args:
            uri: which, as the server lists it or as made from a template.
            timeout: seconds for everything; None sets no limit; not given, ``request_timeout``.
            refresh: True asks the server even if it said that an earlier answer still holds.

        Returns:
            Its contents.

        Raises:
            MCPResponseError: there is no such resource (code -32002 or -32602).
            MCPProtocolError: the answer cannot be read.
            MCPError: as for ``request``.
        """
        from ..types.resources import ReadResourceResult

        deadline = Deadline(self._seconds(timeout))
        result = self._read("resources/read", {"uri": uri}, deadline, refresh=refresh)
        return ReadResourceResult.from_wire(result)
