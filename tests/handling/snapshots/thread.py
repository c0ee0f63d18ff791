async def count(request, guarded=False):
    if request.deadline_at is not None and not guarded:
        return await guard(request, count, True)
    try:
        if request.content is None and not request.take_content():
            await request.read()
        errors = []
        page = read_page(request, errors)
        if errors:
            raise ValidationFailed(errors)
        def in_worker(request):
            value = handler(page)
            response = respond(value)
            if response is value:
                response = response.owned_by(request.exchange)
            return response if type(response.body) is bytes else start_here(request, response)
        response = await (watched_hop if guarded else hop)(request.exchange.loop_state.handlers, request.worker, in_worker, request, profile)
        if type(response.body) is not bytes or response.needs_resolving:
            return await start_stream(request, response)
        return response
    except Exception as error:
        return await convert(request, error)
