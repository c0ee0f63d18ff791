async def hello(request, guarded=False):
    if request.deadline_at is not None and not guarded:
        return await guard(request, hello, True)
    try:
        if request.content is None and not request.take_content():
            await request.read()
        value = await handler()
        response = respond(value)
        if response is value:
            response = response.owned_by(request.exchange)
        if type(response.body) is not bytes or response.needs_resolving:
            return await start_stream(request, response)
        return response
    except Exception as error:
        return await convert(request, error)
